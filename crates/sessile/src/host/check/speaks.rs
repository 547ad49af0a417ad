//! What a server speaks, in words.

use sessile_manifest::ServerEra;
use sessile_runtime::{RememberedEras, Speaks};
use std::time::{Duration, SystemTime};

/// What the manifest says, else what was found, and when.
pub(super) fn in_words(said: ServerEra, found: Option<&RememberedEras>, now: SystemTime) -> String {
    match (said, found) {
        (ServerEra::Legacy, _) => "legacy, as the manifest says".to_owned(),
        (ServerEra::Modern, _) => "modern, as the manifest says".to_owned(),
        (ServerEra::Auto, None) => "not known yet: start it once, or use --start".to_owned(),
        (ServerEra::Auto, Some(found)) => {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let age = ago(since.saturating_sub(Duration::from_secs(found.found_at)));
            let eras = eras(&found.legacy, &found.modern);
            let stale = "; its files or its environment have changed since, so it will be asked again";
            format!("{eras}, found {age}{}", if found.current { "" } else { stale })
        }
    }
}

fn eras(legacy: &Speaks, modern: &Speaks) -> String {
    let named = |era: &str, version: &Option<String>| match version {
        Some(version) => format!("{era} ({version})"),
        None => era.to_owned(),
    };
    match (legacy, modern) {
        (Speaks::Yes { version: old }, Speaks::Yes { version: new }) => {
            format!("{} and {}", named("legacy", old), named("modern", new))
        }
        (Speaks::Yes { version }, Speaks::No) => format!("{} only", named("legacy", version)),
        (Speaks::No, Speaks::Yes { version }) => format!("{} only", named("modern", version)),
        (Speaks::Yes { version }, Speaks::Unknown) => {
            format!("{}, modern was not asked for yet", named("legacy", version))
        }
        (Speaks::Unknown, Speaks::Yes { version }) => {
            format!("{}, legacy was not asked for yet", named("modern", version))
        }
        (Speaks::No, Speaks::No) => "neither era".to_owned(),
        (Speaks::No, Speaks::Unknown) => "not legacy, modern was not asked for yet".to_owned(),
        (Speaks::Unknown, Speaks::No) => "not modern, legacy was not asked for yet".to_owned(),
        (Speaks::Unknown, Speaks::Unknown) => "nothing that is known yet".to_owned(),
    }
}

/// How long ago that is, in its largest unit.
fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(version: &str) -> Speaks {
        Speaks::Yes { version: Some(version.to_owned()) }
    }

    fn told(legacy: Speaks, modern: Speaks, current: bool, age: u64) -> String {
        let found = RememberedEras { legacy, modern, name: None, version: None, found_at: 1_000_000, current };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + age);
        in_words(ServerEra::Auto, Some(&found), now)
    }

    #[test]
    fn it_is_said_what_was_found_and_when() {
        let hours = 3 * 3600 + 5;
        assert_eq!(
            told(yes("2025-11-25"), yes("2026-07-28"), true, hours),
            "legacy (2025-11-25) and modern (2026-07-28), found 3 h ago"
        );
        assert_eq!(told(yes("2025-11-25"), Speaks::No, true, 59), "legacy (2025-11-25) only, found 59 s ago");
        assert_eq!(told(Speaks::No, Speaks::Yes { version: None }, true, 61), "modern only, found 1 min ago");
        assert_eq!(
            told(yes("2025-06-18"), Speaks::Unknown, false, 2 * 86_400),
            "legacy (2025-06-18), modern was not asked for yet, found 2 d ago; its files or its environment have \
             changed since, so it will be asked again"
        );
    }

    #[test]
    fn the_manifest_has_the_last_word() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(in_words(ServerEra::Modern, None, now), "modern, as the manifest says");
        assert_eq!(in_words(ServerEra::Auto, None, now), "not known yet: start it once, or use --start");
    }
}
