//! What a node remembers, told to others: `sessile check`.

use super::code::Code;
use super::eras::Speaks;
use super::file;
use serde::Serialize;
use sessile_protocol::Object;
use sessile_sandbox::view::View;
use std::path::Path;

/// What a server was found to speak when it last ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RememberedEras {
    /// 2024-11-05 to 2025-11-25.
    pub legacy: Speaks,
    /// From 2026-07-28.
    pub modern: Speaks,
    /// The name that the server gave itself.
    pub name: Option<String>,
    /// The version that the server gave itself.
    pub version: Option<String>,
    /// When it was found, in seconds since 1970.
    pub found_at: u64,
    /// Whether command, environment and files are still the same. If not, the server is asked again when it starts.
    pub current: bool,
}

/// What a node with this state directory remembers of the server `name`, which starts as `view` says. `None` when it
/// never ran here, or never far enough to be known. Changes nothing.
pub fn remembered_eras(state_dir: &Path, name: &str, view: &View) -> Option<RememberedEras> {
    let path = file::path(state_dir, name);
    let record = file::read(&path)?;
    let current = Code::of(view, path.parent()).fingerprint().to_string() == record.fingerprint;
    let info = record.info();
    let info = info.as_deref().and_then(Object::parse).unwrap_or_default();
    let eras = record.eras;
    if (&eras.legacy, &eras.modern) == (&Speaks::Unknown, &Speaks::Unknown) {
        return None;
    }
    Some(RememberedEras {
        legacy: eras.legacy,
        modern: eras.modern,
        name: info.string("name"),
        version: info.string("version"),
        found_at: record.found_at_ms / 1000,
        current,
    })
}
