use proptest::prelude::*;

use super::*;

fn read(header: &str) -> Credentials<'_> {
    bearer(Some(header.as_bytes()))
}

#[test]
fn a_bearer_token_is_read_whatever_the_case_of_the_scheme() {
    for header in ["Bearer abc", "bearer abc", "BEARER  abc ", " Bearer abc"] {
        assert_eq!(read(header), Credentials::Bearer("abc"), "{header}");
    }
    assert_eq!(read("Bearer aZ0-._~+/=="), Credentials::Bearer("aZ0-._~+/=="));
}

#[test]
fn nothing_is_not_the_same_as_something_unusable() {
    assert_eq!(bearer(None), Credentials::Missing);
    assert_eq!(read(""), Credentials::Missing);
    assert_eq!(read("  "), Credentials::Missing);
    for header in
        ["Bearer", "Bearer ", "Basic abc", "abc", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer\tabc"]
    {
        assert_eq!(read(header), Credentials::Unusable, "{header}");
    }
    assert_eq!(bearer(Some(b"Bearer \xff")), Credentials::Unusable);
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(header in any::<Vec<u8>>()) {
        let _ = bearer(Some(&header));
    }

    #[test]
    fn every_token_of_the_grammar_is_read(token in "[A-Za-z0-9._~+/-]{1,80}={0,2}") {
        let header = format!("Bearer {token}");
        prop_assert_eq!(read(&header), Credentials::Bearer(token.as_str()));
    }
}
