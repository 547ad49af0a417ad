use std::path::Path;

use super::*;
use crate::ApiKey;

const LOCAL: bool = true;
const AWAY: bool = false;

fn with_key(anonymous: Anonymous) -> (Door, String) {
    let key = ApiKey::generate().expect("randomness");
    let file = KeyFile::parse(Path::new("keys"), &key.line("alice")).expect("right");
    (Door::new(Some(file), anonymous), format!("Bearer {}", key.reveal()))
}

#[test]
fn a_key_admits_its_holder_from_anywhere() {
    for rule in [Anonymous::Never, Anonymous::LoopbackOnly, Anonymous::Always] {
        let (door, header) = with_key(rule);
        for peer in [LOCAL, AWAY] {
            assert_eq!(door.admit(Some(header.as_bytes()), peer), Ok(Principal::api_key("alice")));
        }
    }
}

#[test]
fn a_wrong_key_is_refused_even_where_anonymous_is_not() {
    for rule in [Anonymous::Never, Anonymous::LoopbackOnly, Anonymous::Always] {
        let (door, _) = with_key(rule);
        for header in ["Bearer sessile_00", "Basic abc", "Bearer"] {
            let refused = door.admit(Some(header.as_bytes()), LOCAL).expect_err(header);
            assert!(matches!(refused, Refused::Invalid { .. }), "{refused:?}");
            assert_eq!(refused.www_authenticate(), "Bearer realm=\"sessile\", error=\"invalid_token\"");
        }
    }
}

#[test]
fn who_may_come_without_a_key() {
    for (rule, local, away) in
        [(Anonymous::Never, false, false), (Anonymous::LoopbackOnly, true, false), (Anonymous::Always, true, true)]
    {
        for door in [Door::new(None, rule), with_key(rule).0] {
            for (peer, admitted) in [(LOCAL, local), (AWAY, away)] {
                match door.admit(None, peer) {
                    Ok(principal) => assert!(admitted && principal.is_anonymous(), "{rule:?}"),
                    Err(refused) => {
                        assert!(!admitted, "{rule:?}");
                        assert!(matches!(refused, Refused::Unauthenticated { .. }), "{refused:?}");
                        assert_eq!(refused.www_authenticate(), "Bearer realm=\"sessile\"");
                    }
                }
            }
        }
    }
}

#[test]
fn without_keys_there_is_nothing_to_hold_credentials_against() {
    // Clients that always send a token reach a node on their own machine all the same.
    let door = Door::new(None, Anonymous::LoopbackOnly);
    assert_eq!(door.admit(Some(b"Bearer abc"), LOCAL), Ok(Principal::anonymous()));
    let refused = door.admit(Some(b"Bearer abc"), AWAY);
    assert!(matches!(refused, Err(Refused::Invalid { .. })), "{refused:?}");
}

#[test]
fn keys_close_the_door_to_anonymous_unless_it_is_opened() {
    assert_eq!(Anonymous::from_settings(false, false), Anonymous::LoopbackOnly);
    assert_eq!(Anonymous::from_settings(false, true), Anonymous::Never);
    assert_eq!(Anonymous::from_settings(true, false), Anonymous::Always);
    assert_eq!(Anonymous::from_settings(true, true), Anonymous::Always);
}

#[test]
fn refusals_do_not_repeat_what_was_sent() {
    let (door, _) = with_key(Anonymous::Never);
    let refused = door.admit(Some(b"Bearer s3cret"), AWAY).expect_err("unknown");
    assert!(!format!("{refused} {refused:?}").contains("s3cret"));
}
