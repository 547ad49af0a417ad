use std::path::Path;

use super::*;
use crate::{ApiKey, KeyFile};

fn refused(address: &str, door: &Door) -> bool {
    let address = address.parse().expect("an address");
    refuse_open_listener("node.listen", address, door).is_err()
}

#[test]
fn only_loopback_may_be_open_by_itself() {
    let door = Door::new(None, Anonymous::LoopbackOnly);
    for address in ["127.0.0.1:0", "127.8.9.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        assert!(!refused(address, &door), "{address}");
    }
    for address in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80", "192.168.1.1:80"] {
        assert!(refused(address, &door), "{address}");
    }
}

#[test]
fn keys_or_a_plain_word_open_the_rest() {
    let key = ApiKey::generate().expect("randomness");
    let keys = |text: &str| Some(KeyFile::parse(Path::new("keys"), text).expect("right"));
    assert!(!refused("0.0.0.0:80", &Door::new(keys(&key.line("a")), Anonymous::Never)));
    assert!(!refused("0.0.0.0:80", &Door::new(None, Anonymous::Always)));
    // A file without keys authenticates nobody.
    assert!(refused("0.0.0.0:80", &Door::new(keys(""), Anonymous::LoopbackOnly)));
}

#[test]
fn the_refusal_says_what_to_set() {
    let door = Door::new(None, Anonymous::LoopbackOnly);
    let address = "0.0.0.0:8300".parse().expect("an address");
    let error = refuse_open_listener("node.listen", address, &door).expect_err("open");
    insta::assert_snapshot!(error, @r##"node.listen = "0.0.0.0:8300" is reachable from other machines and nothing authenticates them; set `node.api_keys` to a file of keys, or listen on 127.0.0.1, or set `node.allow_anonymous = true` if everybody who can reach it may call"##);
}
