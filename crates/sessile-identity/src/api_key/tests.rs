use proptest::prelude::*;

use super::*;

#[test]
fn keys_are_long_and_never_the_same() {
    let one = ApiKey::generate().expect("randomness");
    let other = ApiKey::generate().expect("randomness");
    assert_eq!(one.reveal().len(), "sessile_".len() + 64);
    assert!(one.reveal().starts_with("sessile_"));
    assert_ne!(one.reveal(), other.reveal());
    assert!(!bool::from(one.digest().matches(&other.digest())));
}

#[test]
fn the_digest_is_the_sha_256_that_other_tools_compute() {
    // printf %s abc | sha256sum
    let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(KeyDigest::of(b"abc").to_string(), digest);
}

#[test]
fn the_line_holds_the_digest_and_not_the_key() {
    let key = ApiKey::generate().expect("randomness");
    let line = key.line("alice");
    assert_eq!(line, format!("alice {}", key.digest()));
    assert!(!line.contains(key.reveal()));
}

#[test]
fn debug_shows_neither_key_nor_digest() {
    let key = ApiKey::generate().expect("randomness");
    assert_eq!(format!("{key:?}"), "ApiKey(Secret(hidden))");
    assert_eq!(format!("{:?}", key.digest()), "KeyDigest(hidden)");
}

#[test]
fn what_is_no_digest_is_refused() {
    let sixty_four = "a".repeat(64);
    assert!(KeyDigest::parse(&format!("sha256:{sixty_four}")).is_some());
    assert!(KeyDigest::parse(&format!("sha256:{}", sixty_four.to_uppercase())).is_some());
    for text in [
        sixty_four.clone(),
        format!("sha512:{sixty_four}"),
        format!("sha256:{sixty_four}a"),
        format!("sha256:{}", "a".repeat(63)),
        format!("sha256:{}", "+a".repeat(32)),
        format!("sha256:{}", "é".repeat(32)),
    ] {
        assert!(KeyDigest::parse(&text).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(key in any::<Vec<u8>>()) {
        let digest = KeyDigest::of(&key);
        let read = KeyDigest::parse(&digest.to_string()).expect("a digest");
        prop_assert!(bool::from(read.matches(&digest)));
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = KeyDigest::parse(&text);
        let _ = KeyDigest::parse(&format!("sha256:{text}"));
    }
}
