//! The example that comes with Sessile.

use super::*;

const EXAMPLE: &str = include_str!("../../../../examples/sessile.toml");

#[test]
fn the_example_can_be_read() {
    let manifest = toml(EXAMPLE).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = manifest.servers.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["counter", "files", "everything", "over-http", "remote"]);
}

#[test]
fn the_defaults_that_the_example_shows_are_the_defaults() {
    // Every `# key = value` line of the example becomes real; the result must not change.
    let shown: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(rest) => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(shown.trim(), EXAMPLE.trim(), "the example shows no default");
    let as_written = toml(EXAMPLE).unwrap_or_else(|errors| panic!("{errors}"));
    let spelt_out = toml(&shown).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(as_written, spelt_out);
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

#[test]
fn the_example_shows_every_limit() {
    let schema = crate::schema();
    let limits = schema.pointer("/properties/defaults/properties/limits/properties");
    for key in limits.and_then(|limits| limits.as_object()).expect("limits").keys() {
        let setting = format!("{key} = ");
        assert!(EXAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&setting)), "{key}");
    }
}
