use super::*;

#[test]
fn http_and_https_with_a_host_are_taken() {
    for text in ["https://example.com/mcp", "http://127.0.0.1:9000/mcp?key=1", "http://[::1]/"] {
        let url = text.parse::<RemoteUrl>().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(url.as_str(), text);
    }
}

#[test]
fn the_rest_is_refused_without_being_repeated() {
    for text in [
        "",
        "example.com",
        "ftp://a/s3cret",
        "https://u:s3cret@a/",
        "https://s3cret@a/",
        "https://a/#s3cret",
        "http://",
    ] {
        let error = text.parse::<RemoteUrl>().expect_err(text).to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn the_query_is_not_shown() {
    let url: RemoteUrl = "https://example.com/mcp?key=s3cret".parse().expect("a url");
    assert_eq!(url.to_string(), "https://example.com/mcp?…");
    assert_eq!(format!("{url:?}"), "RemoteUrl(https://example.com/mcp?…)");
    assert_eq!(url.host(), "example.com");
}
