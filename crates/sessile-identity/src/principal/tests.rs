use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn issuer_subject_and_client_all_tell_principals_apart() {
    let alice = Principal::new("https://a", "alice", None);
    assert_eq!(alice, Principal::new("https://a", "alice", None));
    assert_ne!(alice, Principal::new("https://b", "alice", None));
    assert_ne!(alice, Principal::new("https://a", "bob", None));
    assert_ne!(alice, Principal::new("https://a", "alice", Some("app".to_owned())));
    assert_ne!(alice, Principal::new("https://a", "alice", Some(String::new())));
}

#[test]
fn a_key_called_anonymous_is_not_anonymous() {
    assert!(Principal::anonymous().is_anonymous());
    assert_eq!(Principal::anonymous(), Principal::anonymous());
    let key = Principal::api_key("anonymous");
    assert!(!key.is_anonymous());
    assert_ne!(key.id(), Principal::anonymous().id());
}

#[test]
fn ids_stay_the_same_from_one_release_to_the_next() {
    // They are written to logs and records that outlive the program.
    assert_eq!(Principal::anonymous().id().to_string(), "anonymous");
    insta::assert_snapshot!(Principal::api_key("alice").id(), @r##"alice-51a657a06e7cd92f"##);
    insta::assert_snapshot!(Principal::new("https://id.example", "a@b\n", Some("app".to_owned())).id(), @r##"a_b_-8e8779fdf9fe2363"##);
}

#[test]
fn what_is_kept_on_disk_has_the_same_name_from_one_release_to_the_next() {
    assert_eq!(Principal::anonymous().file_name(), "anonymous");
    assert_ne!(Principal::api_key("anonymous").file_name(), "anonymous");
    insta::assert_snapshot!(Principal::api_key("alice").file_name(), @r##"alice-51a657a06e7cd92f97e428ae80bf35fdab49aa255e82f3cf7e443899136f7527"##);
    insta::assert_snapshot!(Principal::new("https://id.example", "../a", Some("app".to_owned())).file_name(), @r##".._a-b05cdf4fded0a510042a69477fb8486eaafc756244690ae8ea9a4393c60bdd39"##);
}

proptest! {
    #[test]
    fn names_on_disk_are_plain_and_tell_principals_apart(subject in any::<String>(), other in any::<String>()) {
        let name = |subject: &str| Principal::new("https://a", subject, None).file_name();
        let text = name(&subject);
        prop_assert!((65..=89).contains(&text.len()));
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')));
        prop_assert_eq!(name(&other) == text, other == subject);
    }

    #[test]
    fn ids_are_printable_whatever_the_subject(subject in any::<String>()) {
        let id = Principal::new("https://a", subject, None).id();
        prop_assert!(id.as_str().len() <= 41);
        prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')));
    }

    #[test]
    fn different_principals_have_different_ids(parts in prop::collection::hash_set(("[ab+]{0,3}", "[ab+]{0,3}", prop::option::of("[ab+]{0,2}")), 0..40)) {
        let ids: HashSet<PrincipalId> =
            parts.iter().map(|(i, s, c)| Principal::new(i.as_str(), s.as_str(), c.clone()).id()).collect();
        prop_assert_eq!(ids.len(), parts.len());
    }
}
