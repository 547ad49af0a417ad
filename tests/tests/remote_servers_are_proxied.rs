//! A server that runs elsewhere (`url`) is reached through Sessile, with sessions that belong to one caller.

use http::{Method, StatusCode};
use serde_json::json;
use sessile_tests::client::text_of;
use sessile_tests::node::Start;
use sessile_tests::wait::patiently;
use sessile_tests::{Ask, Client, Home, Node, binaries};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that speaks HTTP by itself.
struct Elsewhere {
    child: Child,
    url: String,
}

impl Elsewhere {
    fn start() -> Self {
        let mut child = Command::new(binaries::fixture("everything"))
            .args(["--http", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fixture starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut url).expect("the fixture prints its URL");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
    }
}

/// An unchanged `.mcp.json`, as other tools write it.
fn node_for(url: &str, headers: serde_json::Value) -> Node {
    let home = Home::new();
    let entry = json!({ "type": "http", "url": url, "headers": headers });
    let text = json!({ "mcpServers": { "far": entry } }).to_string();
    Start::serve(home, ".mcp.json", &text).start()
}

#[tokio::test]
async fn a_session_goes_through() {
    let elsewhere = Elsewhere::start();
    let node = node_for(&elsewhere.url, json!({}));
    assert_eq!(node.endpoint().path, "/far/mcp");
    let able = json!({ "elicitation": {} });
    let mut client = Client::at(node.endpoint()).capabilities(able).open().await;
    assert_eq!(client.server["serverInfo"]["name"], "fixture-everything");
    assert_eq!(client.call("add", json!({ "a": 2, "b": 3 })).await, "5");
    let mut events = client.begin("ask_name", json!({})).await.events();
    let question = events.message().await;
    client.answer(&question, json!({ "action": "accept", "content": { "name": "Ada" } })).await;
    assert_eq!(text_of(&events.message().await["result"]), "Hello, Ada!");

    let mut listening = client.listen().await;
    client.call("grow", json!({})).await;
    assert_eq!(listening.message().await["method"], "notifications/tools/list_changed");
    assert!(client.delete().await.status.is_success());
    client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
    node.endpoint().send(client.naming("nobody").sign(Ask::listen())).await.expect_error(404, -32001).await;
}

/// What a server elsewhere was asked, and a session id of its own for whoever asks.
async fn spy(listener: TcpListener, heads: tokio::sync::mpsc::UnboundedSender<String>) {
    loop {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            match socket.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
        let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let _the_test_is_over = heads.send(head);
        let body = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"spy","version":"1"}}}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: the-remote-secret\r\nset-cookie: a=b\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let _client_gone = socket.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn neither_side_learns_the_secrets_of_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp?key=in-the-url", listener.local_addr().unwrap());
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let spying = tokio::spawn(spy(listener, sender));

    let home = Home::new();
    let (ada, bob, keys) = (home.key("ada"), home.key("bob"), home.key_file());
    let entry = json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer the-servers-own" } });
    let text = json!({ "mcpServers": { "far": entry } }).to_string();
    let node = Start::serve(home, ".mcp.json", &text).option(&["--api-keys", &keys]).start();

    let opening = Client::at(node.endpoint()).key(&ada).initialize();
    let reply = node.endpoint().send(opening.header("cookie", "sessile=1").header("x-forwarded-for", "10.1.1.1")).await;
    assert_eq!(reply.status, StatusCode::OK);
    let session = reply.header("mcp-session-id").to_owned();
    assert!(session.len() >= 32 && session != "the-remote-secret", "the client gets an id of Sessile's: {session}");
    assert_eq!(reply.header("set-cookie"), "");
    let head = patiently("what the remote was asked", heads.recv()).await.unwrap();
    assert!(head.contains("authorization: bearer the-servers-own"), "{head}");
    for secret in [ada.to_ascii_lowercase().as_str(), "cookie", "x-forwarded-for", &session] {
        assert!(!head.contains(secret), "{secret} went out: {head}");
    }

    // The remote's id belongs to the caller who got it, under Sessile's id alone.
    let ask = |key: &str, id: &str| {
        let ask = Ask::new(Method::GET).header("accept", "text/event-stream").header("mcp-session-id", id);
        node.endpoint().send(ask.header("authorization", format!("Bearer {key}")))
    };
    ask(&bob, &session).await.expect_error(404, -32001).await;
    ask(&ada, "the-remote-secret").await.expect_error(404, -32001).await;
    assert_eq!(ask(&ada, &session).await.status, StatusCode::OK);
    let head = patiently("what the remote was asked", heads.recv()).await.unwrap();
    assert!(head.contains("mcp-session-id: the-remote-secret"), "{head}");
    assert!(heads.try_recv().is_err(), "what was refused never reached the remote");
    assert!(!node.log().contains("the-servers-own"), "a secret is in the log");
    spying.abort();
}

#[tokio::test]
async fn a_remote_that_is_not_there_is_named_without_its_address() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let node = node_for(&format!("http://{unused}/mcp?key=in-the-url"), json!({}));
    let error = Client::at(node.endpoint()).reply().await.expect_error(502, -32000).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("remote") && !message.contains("in-the-url"), "{message}");
}
