//! `sessile images prune`.

use super::{failure, list};
use crate::client::{bytes, pretty};
use crate::host::Failure;
use crate::out;
use serde_json::{Value, json};
use sessile_images::{ImageRef, Keep, Pruned, Store};
use std::process::ExitCode;
use std::time::Duration;

/// Removes what nobody needs, and says what went.
pub(super) fn prune(
    store: &Store,
    older_than: Duration,
    named: &[ImageRef],
    dry_run: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let pruned = store.prune(older_than, named, dry_run).map_err(failure)?;
    if json {
        out::line(&pretty(&Value::from_iter(pruned.iter().map(to_json))));
        return Ok(ExitCode::SUCCESS);
    }
    let (gone, kept): (Vec<_>, Vec<_>) = pruned.iter().partition(|image| image.kept.is_none());
    let verb = if dry_run { "would remove" } else { "removed" };
    for image in &gone {
        let stored = &image.stored;
        let key: String = stored.key.chars().take(12).collect();
        out::line(&format!("{verb} {key}  {}  {}", list::name(stored), bytes(stored.bytes)));
    }
    let freed: u64 = gone.iter().map(|image| image.stored.bytes).sum();
    out::note(&format!("{verb} {} images ({}); {} stay", gone.len(), bytes(freed), kept.len()));
    Ok(ExitCode::SUCCESS)
}

fn to_json(image: &Pruned) -> Value {
    let kept = image.kept.map(|why| match why {
        Keep::InUse => "in use",
        Keep::Referenced => "in the manifest",
        Keep::Recent => "used recently",
    });
    let mut json = list::to_json(&image.stored, false);
    if let Some(members) = json.as_object_mut() {
        members.insert("removed".to_owned(), json!(image.kept.is_none()));
        members.insert("kept_because".to_owned(), json!(kept));
    }
    json
}
