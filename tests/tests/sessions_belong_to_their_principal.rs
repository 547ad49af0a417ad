//! A session answers only to the principal that owns it. To anyone else it does not exist (invariant 2).

use http::{Method, StatusCode};
use serde_json::json;
use sessile_tests::node::{Start, manifest, words};
use sessile_tests::{Ask, Client, Home, Node, binaries};
use std::process::{Command, Output, Stdio};

fn sessile(arguments: &[&str]) -> Output {
    Command::new(binaries::sessile()).args(arguments).stdin(Stdio::null()).output().expect("sessile starts")
}

/// A node with two keys, of Ada and of Bob.
fn node_with_keys() -> (Node, String, String) {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let stored = std::fs::read_to_string(&file).unwrap();
    assert!(!stored.contains(&ada) && stored.contains("ada sha256:"), "the file holds hashes only: {stored}");
    let command = words(&home.fixture("counter"), &[]);
    (Start::run(home, &command).option(&["--api-keys", &file]).start(), ada, bob)
}

#[tokio::test]
async fn a_foreign_session_does_not_exist() {
    let (node, ada, bob) = node_with_keys();
    let mut hers = Client::at(node.endpoint()).key(&ada).open().await;
    assert_eq!(hers.call("increment", json!({})).await, "1");
    let his = Client::at(node.endpoint()).key(&bob).open().await;

    // The same answer, to the byte, as for a session that never was.
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let asks = [
        ("POST", Ask::post(list)),
        ("GET", Ask::listen()),
        ("GET, resuming", Ask::listen().header("last-event-id", "1-1")),
        ("DELETE", Ask::new(Method::DELETE)),
    ];
    for (what, ask) in asks {
        let to = async |session: &str| {
            let reply = node.endpoint().send(his.naming(session).sign(ask.clone())).await;
            (reply.status, reply.headers.clone(), reply.text().await)
        };
        let (status, mut headers, text) = to(&hers.session).await;
        let (_, mut other_headers, other_text) = to("0123456789abcdef0123456789abcdef01234567").await;
        headers.remove("date");
        other_headers.remove("date");
        assert_eq!((status, &headers, &text), (StatusCode::NOT_FOUND, &other_headers, &other_text), "{what}");
    }
    assert_eq!(hers.call("increment", json!({})).await, "2", "she has not noticed");

    // Why a session ended is its owner's to know.
    hers.clone().close().await;
    let error = hers.delete().await.expect_error(404, -32001).await;
    assert_eq!(error["error"]["data"]["reason"], "client_delete");
    let error = his.naming(&hers.session).delete().await.expect_error(404, -32001).await;
    assert!(error["error"]["data"].is_null(), "{error}");

    let owners: Vec<_> = node.admin().sessions().await.iter().map(|s| s["principal"].to_string()).collect();
    assert!(owners.iter().any(|owner| owner.contains("ada")) && owners.iter().any(|owner| owner.contains("bob")));
    let log = node.log();
    for secret in [&ada, &bob, &hers.session, &his.session] {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_asked() {
    let (node, ada, _) = node_with_keys();
    let opening = Client::at(node.endpoint());
    let reply = opening.reply().await;
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"sessile\"");
    reply.expect_error(401, -32600).await;
    let wrong = format!("{}x", &ada[..ada.len() - 1]);
    for credentials in ["Bearer wrong", "Bearer ", "Basic YWRhOmFkYQ==", &format!("Bearer {wrong}"), &ada] {
        let reply = node.endpoint().send(opening.initialize().header("authorization", credentials)).await;
        assert!(reply.header("www-authenticate").starts_with("Bearer "), "{:?}", reply.headers);
        reply.expect_error(401, -32600).await;
    }
    let client = Client::at(node.endpoint()).key(&ada).open().await;
    let ask = client.sign(Ask::new(Method::DELETE));
    client.endpoint.send(ask.clone().without("authorization")).await.expect_error(401, -32600).await;
    assert_eq!(client.endpoint.send(ask).await.status, StatusCode::NO_CONTENT);
}

/// Without keys the caller is the local user; so nobody from elsewhere may call.
#[tokio::test]
async fn without_keys_only_this_machine_is_served() {
    let home = Home::new();
    let command = home.fixture("counter");
    let state = home.state().display().to_string();
    let refused = |arguments: &[&str], names: &str| {
        let output = sessile(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(names), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let public = ["run", "--listen", address, "--state-dir", &state, "--", &command];
        refused(&public, "node.api_keys");
        let admin = ["run", "--listen", "127.0.0.1:0", "--admin", address, "--state-dir", &state, "--", &command];
        refused(&admin, "node.admin");
    }
    let text = manifest("listen = \"0.0.0.0:0\"", &[("it", &[command], "")]);
    let file = home.file("public.toml", &text);
    refused(&["serve", "-c", &file, "--state-dir", &state], "node.api_keys");
}

#[tokio::test]
async fn the_local_user_needs_no_key() {
    let node = Node::of("counter", &[]);
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert!(node.admin().only_session().await["principal"].to_string().contains("anonymous"));
}
