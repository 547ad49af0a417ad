//! `sessile images list`.

use super::failure;
use crate::client::{Table, bytes, duration, one_line, pretty, stdout_width};
use crate::host::Failure;
use crate::out;
use serde_json::{Value, json};
use sessile_images::{State, Store, Stored};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Lists what is stored; fails when something of it is damaged.
pub(super) fn list(store: &Store, verify: bool, json: bool) -> Result<ExitCode, Failure> {
    let stored = store.list(verify).map_err(failure)?;
    if json {
        out::line(&pretty(&Value::from_iter(stored.iter().map(|image| to_json(image, verify)))));
    } else if stored.is_empty() {
        out::note("no images; `sessile images build REF` makes one");
    } else {
        out::line(&table(&stored, verify));
    }
    let damaged = stored.iter().filter(|image| image.state != State::Sound).count();
    if damaged > 0 {
        let what = "are damaged; `sessile images prune` removes them, and the next build makes them anew";
        return Err(Failure::Failed(format!("{damaged} of {} images {what}", stored.len())));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(stored: &[Stored], verify: bool) -> String {
    let mut table = Table::new(&["KEY", "IMAGE", "SIZE", "BUILT", "USED", "STATE"]);
    for image in stored {
        let state = match image.state {
            State::Damaged(reason) => format!("damaged: {reason}"),
            State::Sound if image.in_use => "in use".to_owned(),
            State::Sound if verify => "verified".to_owned(),
            State::Sound => "ready".to_owned(),
        };
        table.row(vec![
            image.key.chars().take(12).collect(),
            name(image),
            bytes(image.bytes),
            ago(image.built_at),
            ago(image.used_at),
            state,
        ]);
    }
    table.render(stdout_width(), 1)
}

/// What it was built from; a damaged record does not say.
pub(super) fn name(image: &Stored) -> String {
    if image.reference.is_empty() { "-".to_owned() } else { one_line(&image.reference) }
}

/// An image as JSON. Times are seconds since 1970.
pub(super) fn to_json(image: &Stored, verify: bool) -> Value {
    let seconds = |at: Option<SystemTime>| at?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    let (state, reason) = match image.state {
        State::Sound => (if verify { "verified" } else { "ready" }, None),
        State::Damaged(reason) => ("damaged", Some(reason)),
    };
    json!({
        "key": image.key,
        "image": image.reference,
        "digest": image.digest.map(|digest| digest.to_string()),
        "bytes": image.bytes,
        "built_at": seconds(image.built_at),
        "used_at": seconds(image.used_at),
        "in_use": image.in_use,
        "state": state,
        "reason": reason,
    })
}

fn ago(at: Option<SystemTime>) -> String {
    let age = at.and_then(|at| SystemTime::now().duration_since(at).ok());
    age.map_or_else(
        || "-".to_owned(),
        |age| format!("{} ago", duration(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))),
    )
}
