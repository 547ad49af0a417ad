//! Keys of Sessile's design that this version does not have. They are named, so that nobody takes a
//! silent key for a working one.

use crate::path::KeyPath;

/// Keys from the top, `*` for any, with what they are about.
const KEYS: [(&[&str], &str); 3] = [
    (&["credentials"], "credentials for servers"),
    (&["servers", "*", "credentials"], "credentials for servers"),
    (&["servers", "*", "pin"], "pinning of tool definitions"),
];

/// What to say about the key at `path`, if this version does not have it.
pub(super) fn key(path: &KeyPath<'_>) -> Option<String> {
    let (_, about) = KEYS.iter().find(|(pattern, _)| is_at(path, pattern))?;
    Some(format!("not available in this version ({about}); remove it"))
}

/// Whether `path` is one of `pattern`, or the same key in `[defaults]`.
fn is_at(path: &KeyPath<'_>, pattern: &[&str]) -> bool {
    let keys = path.keys();
    let fits = |keys: &[&str], pattern: &[&str]| {
        keys.len() == pattern.len() && keys.iter().zip(pattern).all(|(key, part)| *part == "*" || key == part)
    };
    match (keys.as_slice(), pattern) {
        (["defaults", keys @ ..], ["servers", "*", pattern @ ..]) => fits(keys, pattern),
        (keys, pattern) => fits(keys, pattern),
    }
}
