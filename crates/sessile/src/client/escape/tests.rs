use super::*;

#[test]
fn escape_sequences_and_reading_direction_are_written_out() {
    assert_eq!(escaped("\x1b[2Jred\x07"), "\\x1b[2Jred\\x07");
    assert_eq!(escaped("a\u{9b}31m"), "a\\u{9b}31m");
    assert_eq!(escaped("safe\u{202e}exe"), "safe\\u{202e}exe");
}

#[test]
fn newlines_and_tabs_stay_and_a_lone_carriage_return_does_not() {
    assert_eq!(escaped("a\r\nb\tc\rd"), "a\nb\tc\\x0dd");
}

#[test]
fn one_line_holds_no_newline() {
    assert_eq!(one_line(" a\nb\x1b "), "a b\\x1b");
    assert_eq!(first_line("\n  \n first\nsecond"), "first");
}

#[test]
fn json_stays_json() {
    let value = serde_json::json!({ "a": "\u{9b}31m \u{202e}\x1b\n" });
    let text = json(&format!("{value:#}"));
    assert!(!text.contains(['\u{9b}', '\u{202e}', '\x1b']), "{text}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
}
