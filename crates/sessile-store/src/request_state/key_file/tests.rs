use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use super::*;

const MADE: u64 = 1_800_000_000_000;

fn ring() -> KeyRing {
    KeyRing::random(MADE).unwrap().next(MADE + 1).unwrap()
}

fn read(text: &str) -> Result<Option<KeyRing>, String> {
    let home = tempfile::tempdir().unwrap();
    let file = KeyFile::in_directory(home.path()).unwrap();
    fs::write(&file.path, text).unwrap();
    fs::set_permissions(&file.path, fs::Permissions::from_mode(0o600)).unwrap();
    file.read().map_err(|error| error.to_string().replace(home.path().to_str().unwrap(), "DIR"))
}

#[test]
fn what_is_written_is_read() {
    let one = KeyRing::random(MADE).unwrap();
    assert_eq!(read(&format(&one)), Ok(Some(one.clone())));
    let two = one.next(MADE + 1).unwrap();
    assert_eq!(read(&format(&two)), Ok(Some(two)));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let text = format(&ring());
    // Cut at the end of a line it is a file of fewer keys, which has its meaning; the rename keeps that from happening.
    let first = text.trim_end().rfind('\n').unwrap() + 1;
    for length in (0..text.len()).filter(|length| *length != first) {
        assert_eq!(parse(&text[..length]), None, "cut to {length}");
    }
}

#[test]
fn anything_else_is_refused_without_being_told() {
    let text = format(&ring());
    let key = text.lines().nth(1).unwrap().to_owned();
    let mut twice = format!("{HEADER}\n{key}\n{key}\n");
    for bad in [
        "",
        "\n",
        "key",
        &text.replace("form 1", "form 2"),
        &text.replace('\n', "\r\n"),
        &format!("{text}{key}\n"),
        &text.replace(' ', "  "),
        &text.replace(&MADE.to_string(), "-1"),
        &text.replace(&MADE.to_string(), "99999999999999999999999"),
        &text.replace(&key, &key[..key.len() - 1]),
        &text.replace(&key, &format!("{key}A")),
        &text.replace(&key, &format!("{key} more")),
        &twice.clone(),
        &"x".repeat(5000),
    ] {
        let told = read(bad).expect_err(bad);
        assert_eq!(
            told,
            "DIR/request-state.keys holds no keys of request states that can be read; delete it, and new ones are made"
        );
    }
    twice.clear();
    let home = tempfile::tempdir().unwrap();
    let file = KeyFile::in_directory(home.path()).unwrap();
    private::create(&file.path).unwrap().write_all(&[0xff, 0xfe, b'\n']).unwrap();
    assert!(matches!(file.read(), Err(KeyError::Malformed { .. })));
}

#[test]
fn the_file_says_what_it_is() {
    let key = |id: &[u8; 8], fill| Key { id: KeyId(*id), made_ms: MADE, secret: [fill; 32] };
    let ring = KeyRing { current: key(b"new-key-", 1), previous: Some(key(b"old-key-", 2)) };
    assert_snapshot!(format(&ring), @"
# sessile: keys of request states, form 1; secret; delete to void all request states
bmV3LWtleS0 1800000000000 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE
b2xkLWtleS0 1800000000000 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI
");
}
