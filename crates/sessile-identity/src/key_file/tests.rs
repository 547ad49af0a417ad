use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::ApiKey;

fn key() -> ApiKey {
    ApiKey::generate().expect("randomness")
}

fn parse(text: &str) -> Result<KeyFile, KeyFileError> {
    KeyFile::parse(Path::new("keys"), text)
}

fn present(file: &KeyFile, key: &str) -> Outcome {
    file.authenticate(Some(format!("Bearer {key}").as_bytes()))
}

#[test]
fn each_key_is_its_own_principal() {
    let keys: Vec<ApiKey> = (0..5).map(|_| key()).collect();
    let mut text = "# our keys\n\n".to_owned();
    for (index, key) in keys.iter().enumerate() {
        text.push_str(&format!("  {} made on a Tuesday\r\n", key.line(&format!("key{index}"))));
    }
    let file = parse(&text).expect("right");
    assert_eq!(file.len(), 5);
    // The first, the last and those between: none is found by position.
    for (index, key) in keys.iter().enumerate() {
        let principal = Principal::api_key(&format!("key{index}"));
        assert_eq!(present(&file, key.reveal()), Outcome::Principal(principal));
    }
    assert_eq!(present(&file, key().reveal()), Outcome::Unknown);
    assert_eq!(file.authenticate(None), Outcome::Missing);
    assert_eq!(file.authenticate(Some(b"Basic abc")), Outcome::Unusable);
}

#[test]
fn the_stored_digest_is_not_a_key() {
    let key = key();
    let file = parse(&key.line("a")).expect("right");
    let digest = key.digest().to_string();
    assert_eq!(present(&file, digest.trim_start_matches("sha256:")), Outcome::Unknown);
    assert_eq!(present(&file, key.reveal().trim_start_matches("sessile_")), Outcome::Unknown);
}

#[test]
fn a_file_without_keys_admits_nobody() {
    let file = parse("# none yet\n").expect("right");
    assert!(file.is_empty());
    assert_eq!(present(&file, key().reveal()), Outcome::Unknown);
}

#[test]
fn every_bad_line_is_told_with_its_number() {
    let digest = KeyDigest::of(b"abc");
    let text = format!(
        "alice {digest}\nbob\ncarol sessile_0123\n# fine\nd/e {digest}\nalice sha256:{}\nerin {digest}\n",
        "0".repeat(64)
    );
    let error = parse(&text).expect_err("wrong").to_string();
    assert_snapshot!(error, @r##"
    keys:2: no digest; write `NAME sha256:HEX`
    keys:3: the second word is not `sha256:` and 64 hexadecimal digits; store the digest of a key, never the key
    keys:5: the name may have 1 to 64 characters of A-Z a-z 0-9 . _ @ -
    keys:6: the name `alice` is already used on line 1
    keys:7: the same key is already on line 1
    "##);
    assert!(!error.contains("sessile_0123"), "{error}");
}

#[test]
fn the_number_of_keys_is_bounded() {
    let line = |n: usize| format!("k{n} {}\n", KeyDigest::of(&n.to_be_bytes()));
    let most: String = (0..10_000).map(line).collect();
    assert_eq!(parse(&most).expect("right").len(), 10_000);
    let error = parse(&format!("{most}{}", line(10_000))).expect_err("too many").to_string();
    assert_eq!(error, "keys:10001: too large; at most 10000 keys and 4 MiB");
}

#[test]
fn a_file_that_everybody_can_write_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys");
    let key = key();
    std::fs::write(&path, key.line("alice")).expect("written");
    let allow = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
    allow(0o602);
    let error = KeyFile::load(&path).expect_err("writable");
    assert!(matches!(error, KeyFileError::WorldWritable { mode: 0o602, .. }), "{error:?}");
    assert!(error.to_string().contains("chmod 600"), "{error}");
    allow(0o600);
    let file = KeyFile::load(&path).expect("right");
    assert_eq!(file.path(), path);
    assert_eq!(present(&file, key.reveal()), Outcome::Principal(Principal::api_key("alice")));
}

#[test]
fn a_file_that_cannot_be_read_as_text_says_where() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys");
    let missing = KeyFile::load(&path).expect_err("missing");
    assert!(matches!(missing, KeyFileError::Read { .. }), "{missing:?}");
    std::fs::write(&path, b"# a\n# \xff\n").expect("written");
    let error = KeyFile::load(&path).expect_err("not text").to_string();
    assert!(error.ends_with("keys:2: not UTF-8 text"), "{error}");
    std::fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).expect("written");
    let error = KeyFile::load(&path).expect_err("large").to_string();
    assert!(error.ends_with("too large; at most 10000 keys and 4 MiB"), "{error}");
}

#[test]
fn debug_does_not_show_digests() {
    let key = key();
    let file = parse(&key.line("alice")).expect("right");
    let digits = key.digest().to_string();
    assert!(!format!("{file:?}").contains(digits.trim_start_matches("sha256:")));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), header in any::<Vec<u8>>()) {
        if let Ok(file) = parse(&text) {
            let _ = file.authenticate(Some(&header));
        }
    }

    #[test]
    fn lines_of_the_right_alphabet_do_not_either(text in "([a-f0-9@. \\n#]|sha256:|sha256:[a-f0-9]{64}){0,20}") {
        match parse(&text) {
            Ok(file) => prop_assert!(file.len() <= text.lines().count()),
            Err(KeyFileError::Lines { faults, .. }) => prop_assert!(!faults.is_empty()),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}
