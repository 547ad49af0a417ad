//! Keys that only make sense with one kind of server.

use super::server::Place;
use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::Tree;

/// The keys that say how a server comes to be; a server has exactly one.
pub(super) const KINDS: [&str; 3] = ["command", "package", "url"];

/// With which kind, which keys mean nothing, and what to do instead.
const IDLE_KEYS: [(&str, &[&[&str]], &str); 5] = [
    ("command", &[&["args"]], "goes with `package`; add the arguments to the array of `command`"),
    ("command", &[&["headers"]], "goes with `url`; remove it"),
    ("package", &[&["headers"]], "goes with `url`; remove it"),
    ("package", &[&["cwd"]], "goes with `command`; a package starts in the session's workspace"),
    (
        "url",
        &[
            &["args"],
            &["cwd"],
            &["egress"],
            &["env"],
            &["era"],
            &["files"],
            &["handles"],
            &["image"],
            &["isolation"],
            &["limits", "cpu"],
            &["limits", "disk"],
            &["limits", "hibernate_after"],
            &["limits", "memory"],
            &["limits", "park_timeout"],
            &["limits", "pids"],
            &["path"],
            &["pool"],
            &["port"],
            &["scope"],
            &["serialize"],
            &["strict"],
            &["tasks"],
        ],
        "has no effect on a server with `url`, which runs elsewhere; remove it",
    ),
];

/// The kind that the server itself says, if it says one; tells if it says several.
pub(super) fn own_kind(place: &Place<'_>, own: &Tree, report: &mut Report) -> Option<&'static str> {
    let mut said = KINDS.iter().copied().filter(|kind| own.get(kind).is_some());
    let first = said.next()?;
    for other in said {
        let message = format!("`{first}` is there too; a server has only one of them");
        at(place, own, &[other], report, &message);
    }
    Some(first)
}

/// Tells of the server's own keys that mean nothing with `kind`.
pub(super) fn tell_idle_keys(place: &Place<'_>, own: &Tree, kind: &str, report: &mut Report) {
    for (_, keys, message) in IDLE_KEYS.iter().filter(|(of, _, _)| *of == kind) {
        keys.iter().for_each(|key| at(place, own, key, report, message));
    }
}

/// Tells `message` of the key at `keys` below the server, if the server has it.
fn at(place: &Place<'_>, own: &Tree, keys: &[&str], report: &mut Report, message: &str) {
    place.with_path(|path| match keys {
        [key] => tell(own, key, path, report, message),
        [table, key] => {
            if let Some(inner) = own.get(table) {
                tell(inner, key, &path.key(table), report, message);
            }
        }
        _ => {}
    });
}

fn tell(table: &Tree, key: &str, path: &KeyPath<'_>, report: &mut Report, message: &str) {
    if let Some(entry) = table.entry(key) {
        report.error(&entry.key_span, &path.key(key), message);
    }
}
