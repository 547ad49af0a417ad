//! What is listed can be reached from inside, and a port inside from the runtime; nothing else.

use serde_json::json;
use sessile_tests::{Client, Isolation, in_each_isolation};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

in_each_isolation!(a_server_speaks_http_and_reaches_what_is_listed, without_a_list_there_is_no_way_out);

/// Somebody on the host who says `outside` to everybody.
async fn outside() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.2:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = listener.accept().await else { return };
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\noutside";
            let _ = socket.write_all(answer).await;
        }
    });
    address
}

async fn a_server_speaks_http_and_reaches_what_is_listed(isolation: Isolation) {
    let listed = outside().await;
    let node = isolation.node("http", &[], &format!("port = 8000\negress = {{ allow = [\"{listed}\"] }}"), "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "inside" })).await, "inside");
    let got = client.call("fetch", json!({ "of": format!("http://{listed}/") })).await;
    assert!(got.contains("200 OK") && got.ends_with("outside"), "{got}");
    for (url, rule) in [
        (format!("http://127.0.0.3:{}/", listed.port()), "address_refused"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "address_refused"),
        ("http://93.184.216.34/".to_owned(), "not_listed"),
    ] {
        let got = client.call("fetch", json!({ "of": url })).await;
        assert!(got.contains("403") && got.contains(rule), "{url}: {got}");
    }
    let session = node.admin().only_session().await;
    assert_eq!(session["egress"]["refused"], 3, "{session}");
    client.close().await;
    node.stop();
}

async fn without_a_list_there_is_no_way_out(isolation: Isolation) {
    let unlisted = outside().await;
    let node = isolation.node("http", &[], "port = 8000", "");
    let mut client = Client::open(node.endpoint()).await;
    let got = client.call("fetch", json!({ "of": format!("http://{unlisted}/") })).await;
    assert!(!got.contains("outside") && !got.contains("403"), "{got}");
    assert!(node.admin().only_session().await["egress"].is_null());
    client.close().await;
    node.stop();
}
