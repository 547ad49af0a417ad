use proptest::prelude::*;

use super::*;

#[test]
fn names_are_short_lower_case_and_safe_in_paths() {
    for name in ["a", "0", "files-2", "a_b", &"a".repeat(63)] {
        assert!(name.parse::<ServerName>().is_ok(), "{name}");
    }
    for text in ["", "A", "-a", "_a", "a.b", "a/b", "..", "ä", "a b", "a\n", &"a".repeat(64)] {
        assert!(text.parse::<ServerName>().is_err(), "{text}");
    }
}

#[test]
fn a_slug_keeps_what_it_can() {
    let slug = |text| ServerName::slug(text).to_string();
    assert_eq!(slug("GitHub Server"), "github-server");
    assert_eq!(slug("@scope/package"), "scope-package");
    assert_eq!(slug("__a__"), "a__");
    assert_eq!(slug("日本"), "server");
    assert_eq!(slug("a  --  b!"), "a-b");
}

proptest! {
    #[test]
    fn every_slug_is_a_name(text in any::<String>(), number in 2_usize..100_000) {
        let slug = ServerName::slug(&text);
        prop_assert!(slug.as_str().parse::<ServerName>().is_ok(), "{}", slug);
        prop_assert!(slug.numbered(number).as_str().parse::<ServerName>().is_ok());
        let end = format!("-{}", number);
        prop_assert!(slug.numbered(number).as_str().ends_with(&end));
    }

    #[test]
    fn a_name_of_one_word_is_its_own_slug(text in "[a-z0-9][a-z0-9_]{0,62}") {
        prop_assert_eq!(ServerName::slug(&text).to_string(), text);
    }
}
