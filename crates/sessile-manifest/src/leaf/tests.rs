use super::*;

fn told(form: &str, text: &str) -> String {
    check(form, text).expect_err(text)
}

#[test]
fn an_address_needs_an_ip_and_a_port() {
    for text in ["127.0.0.1:8300", "[::1]:0", "0.0.0.0:65535"] {
        assert_eq!(check("address", text), Ok(()), "{text}");
    }
    assert!(told("address", "8300").contains("127.0.0.1:8300"));
    assert!(told("address", "localhost:9000").contains("\"127.0.0.1:9000\""));
    assert!(told("address", ":9000").contains("\"0.0.0.0:9000\""));
    assert!(told("address", "127.0.0.1:99999").contains("\"127.0.0.1:8300\""));
}

#[test]
fn headers_of_the_transport_are_not_the_authors_to_set() {
    for name in ["Authorization", "X-Api-Key"] {
        assert_eq!(check("header", name), Ok(()), "{name}");
    }
    for name in ["Host", "MCP-Session-Id", "content-length"] {
        assert!(told("header", name).starts_with("a header that Sessile sets itself"), "{name}");
    }
    assert_eq!(told("header", "a b"), "not the name of an HTTP header");
    assert_eq!(check("header value", "Bearer x"), Ok(()));
    assert!(check("header value", "a\r\nInjected: b").is_err());
}

#[test]
fn hosts_and_origins_are_bare() {
    for text in ["mcp.example.com", "mcp.example.com:8443", "10.0.0.1", "[::1]:8300"] {
        assert_eq!(check("host", text), Ok(()), "{text}");
    }
    for text in ["", "https://a", "a/b", "u@a", "a b"] {
        assert!(check("host", text).is_err(), "{text}");
    }
    for text in ["https://app.example.com", "http://localhost:5173"] {
        assert_eq!(check("origin", text), Ok(()), "{text}");
    }
    for text in ["", "*", "null", "app.example.com", "https://a/", "https://", "file://a"] {
        assert!(check("origin", text).is_err(), "{text}");
    }
}

#[test]
fn ranges_include_their_ends() {
    assert!(is_within("size", "4MiB", "4MiB", "1GiB"));
    assert!(is_within("size", "1GiB", "4MiB", "1GiB"));
    assert!(!is_within("size", "4095KiB", "4MiB", "1GiB"));
    assert!(is_within("span", "60m", "0s", "1h"));
    assert!(!is_within("span", "3601s", "0s", "1h"));
}
