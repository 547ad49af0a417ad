use super::*;

fn url(text: &str) -> String {
    server_url(text).unwrap().to_string()
}

#[test]
fn a_bare_address_means_the_default_server() {
    assert_eq!(url("127.0.0.1:8300"), "http://127.0.0.1:8300/mcp");
    assert_eq!(url("localhost:8300"), "http://localhost:8300/mcp");
    assert_eq!(url("http://h:1/"), "http://h:1/mcp");
}

#[test]
fn a_path_stays_as_it_is() {
    assert_eq!(url("https://h/files/mcp"), "https://h/files/mcp");
    assert_eq!(url("h:1/files/mcp"), "http://h:1/files/mcp");
}

#[test]
fn other_schemes_are_refused_with_what_to_write() {
    let error = server_url("ftp://h/").unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().contains("write http://HOST:PORT/mcp"), "{error}");
}

#[test]
fn only_this_machine_may_get_a_key_in_the_clear() {
    let bares = |url: &str| Target { key: "k".parse().ok(), ..Target::of(url.parse().unwrap()) }.bares_its_key();
    assert!(bares("http://example.com/mcp"));
    assert!(!bares("http://[::1]:8300/mcp"));
    assert!(!bares("https://example.com/mcp"));
}

#[test]
fn a_key_is_never_shown() {
    let key: Secret = "sk-secret\n".parse().unwrap();
    assert_eq!(key.reveal(), "sk-secret");
    assert!(!format!("{key:?}").contains("secret"));
}

#[test]
fn a_session_key_is_1_to_256_visible_ascii_characters() {
    for fits in ["a", "ada/notes#1", &"x".repeat(256)] {
        assert_eq!(fits.parse::<SessionKey>().unwrap().header(), fits);
    }
    for wrong in ["", " ", "a b", "a\nb", "é", &"x".repeat(257)] {
        assert!(wrong.parse::<SessionKey>().is_err(), "{wrong:?}");
    }
}
