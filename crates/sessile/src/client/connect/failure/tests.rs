use super::*;
use crate::client::connect::http_client;
use rmcp::transport::streamable_http_client::AuthRequiredError;

fn target(key: Option<&str>) -> Target {
    let url = "http://h:1/mcp".parse().unwrap();
    Target { key: key.map(|key| key.parse().unwrap()), ..Target::of(url) }
}

fn said(target: &Target, error: StreamableHttpError<reqwest::Error>) -> String {
    of_transport(target, &error).to_string()
}

#[test]
fn a_missing_and_a_wrong_key_are_told_apart() {
    let body = r#"HTTP 401 Unauthorized: {"error":{"code":-32600,"message":"no key"}}"#;
    let error = || StreamableHttpError::UnexpectedServerResponse(body.into());
    assert_eq!(
        said(&target(None), error()),
        "http://h:1/mcp needs a key (HTTP 401): no key; set SESSILE_KEY or pass --key-file FILE"
    );
    assert_eq!(
        said(&target(Some("k")), error()),
        "http://h:1/mcp refuses the key (HTTP 401): no key; look at SESSILE_KEY, --key-file or --key"
    );
}

#[test]
fn a_challenge_means_the_same() {
    let error = StreamableHttpError::AuthRequired(AuthRequiredError::new("Bearer".into()));
    assert!(said(&target(None), error).contains("SESSILE_KEY"));
}

#[test]
fn a_wrong_path_is_named() {
    let error = StreamableHttpError::UnexpectedServerResponse("HTTP 404 Not Found: nothing here".into());
    assert_eq!(
        said(&target(None), error),
        "http://h:1/mcp does not answer as an MCP server: HTTP 404: nothing here; look at the path, such as /mcp or \
         /NAME/mcp"
    );
}

#[test]
fn an_ended_session_is_said_and_not_opened_again() {
    assert!(matches!(
        of_transport(&target(None), &StreamableHttpError::<reqwest::Error>::SessionExpired),
        ClientError::SessionEnded
    ));
}

#[tokio::test]
async fn an_address_where_nothing_listens_says_how_to_start_something() {
    let url: Url = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/mcp", free.local_addr().unwrap()).parse().unwrap()
    };
    let error = http_client(&url).unwrap().get(url.clone()).send().await.unwrap_err();
    let error = of_transport(&Target::of(url.clone()), &StreamableHttpError::Client(error));
    assert_eq!(error.to_string(), format!("nothing listens at {url}; start it with `sessile run -- COMMAND`"));
}

#[test]
fn other_http_errors_are_said_as_they_are() {
    let body = r#"HTTP 403 Forbidden: {"error":{"code":-32600,"message":"host \"h\" is not served here"}}"#;
    let error = StreamableHttpError::UnexpectedServerResponse(body.into());
    assert_eq!(said(&target(None), error), "http://h:1/mcp answered HTTP 403: host \"h\" is not served here");
}
