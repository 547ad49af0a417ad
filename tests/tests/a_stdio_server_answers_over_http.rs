//! A server that speaks over stdio answers over Streamable HTTP, as the transport of the legacy era has it.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::{Ask, Client, Endpoint, Home, Node};
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[tokio::test]
async fn from_initialize_to_delete() {
    let node = Node::of("everything", &[]);
    from_first_to_last(node.endpoint()).await;
    node.admin().all_ended().await;
    for session in node.admin().sessions().await {
        assert_eq!(session["end"]["reason"], "client_delete", "{session}");
    }
    node.stop();
}

/// An ordinary user can host too, where the kernel lets one.
#[tokio::test]
async fn from_initialize_to_delete_for_an_ordinary_user() {
    const NOBODY: u32 = 65534;
    let home = Home::new();
    let command = vec![home.fixture("everything")];
    let mut start = sessile_tests::node::Start::run(home, &command);
    if rustix::process::geteuid().is_root() {
        start = start.as_user(NOBODY);
    }
    let node = start.start();
    from_first_to_last(node.endpoint()).await;
    node.stop();
}

async fn from_first_to_last(endpoint: &Endpoint) {
    let opening = Client::at(endpoint).reply().await;
    assert_eq!(opening.status, StatusCode::OK);
    let session = opening.header("mcp-session-id").to_owned();
    // 128 random bits are 32 hexadecimal digits.
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()), "{session:?}");
    let answer = opening.json().await;
    assert_eq!(answer["id"], 0);
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["serverInfo"]["name"], "fixture-everything");

    // Opens a session of its own, and with it tries the notification and its 202.
    let mut client = Client::open(endpoint).await;
    assert_ne!(client.session, session);
    let reply = client.ask("tools/list", json!({})).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    let answer = reply.json().await;
    let tools = answer["result"]["tools"].as_array().expect("a list");
    assert!(tools.iter().any(|tool| tool["name"] == "echo"), "{answer}");

    let reply = client.begin("add", json!({ "a": 2, "b": 3 })).await;
    assert_eq!(reply.header("content-type"), "application/json", "the answer is the first thing said");
    assert_eq!(text_of(&reply.json().await["result"]), "5");

    // The session opened first has heard nothing of all that, and lives on until it is told to end.
    client.naming(&session).close().await;
    assert_eq!(client.call("add", json!({ "a": 1, "b": 1 })).await, "2");
    client.clone().close().await;
    let error = client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
    assert_eq!(error["error"]["data"]["reason"], "client_delete");
    assert_eq!(error["id"], client.fresh_id() - 1, "the error carries the id of the request");
    client.delete().await.expect_error(404, -32001).await;
    let listen = endpoint.send(client.sign(Ask::listen())).await;
    listen.expect_error(404, -32001).await;
}

#[tokio::test]
async fn a_session_must_be_named_and_known() {
    let node = Node::of("counter", &[]);
    let list = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list" }).to_string();
    let missing = node.endpoint().send(Ask::post(list.clone())).await.expect_error(400, -32600).await;
    assert_eq!(missing["id"], "a");
    let unknown = Ask::post(list).header("mcp-session-id", "0123456789abcdef0123456789abcdef");
    let unknown = node.endpoint().send(unknown).await.expect_error(404, -32001).await;
    assert!(unknown["error"]["data"].is_null(), "nothing is known of a session that never was: {unknown}");
    for method in [Method::GET, Method::DELETE] {
        let ask = Ask::new(method).header("accept", "text/event-stream");
        node.endpoint().send(ask.clone()).await.expect_error(400, -32600).await;
        node.endpoint().send(ask.header("mcp-session-id", "nobody")).await.expect_error(404, -32001).await;
    }
    let client = Client::open(node.endpoint()).await;
    let again = Client::at(node.endpoint()).initialize();
    client.endpoint.send(client.sign(again)).await.expect_error(400, -32600).await;
}

#[tokio::test]
async fn events_come_when_the_server_says_something_before_the_answer() {
    let node = Node::of("everything", &[]);
    let mut ids = HashSet::new();
    let mut client = Client::open(node.endpoint()).await;
    for round in 0..2 {
        let token = format!("t{round}");
        let mut events = client.begin_with_progress("progress", json!({ "steps": 3 }), &token).await;
        let primer = events.next().await.expect("a first event");
        assert!(primer.data.is_empty(), "2025-11-25 opens with an event that only has an id: {primer:?}");
        assert!(primer.retry.is_some(), "{primer:?}");
        assert!(ids.insert(primer.id.expect("an id")));
        let messages = events.rest().await;
        let (last, before) = messages.split_last().expect("messages");
        assert_eq!(text_of(&last.1["result"]), "3 steps done");
        assert_eq!(before.len(), 3, "{before:?}");
        for (step, (_, message)) in (1..).zip(before) {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(message["params"]["progressToken"], token);
            assert_eq!(message["params"]["progress"].as_f64(), Some(f64::from(step)));
        }
        for (id, message) in &messages {
            assert!(ids.insert(id.clone()), "{id:?} was there before: {message}");
        }
    }
    let log = client.begin("log", json!({ "level": "error", "message": "hear me" })).await.events().rest().await;
    assert_eq!(log[0].1["params"]["data"], "hear me");
    assert!(log[1].1["result"].is_object(), "{log:?}");
}

#[tokio::test]
async fn older_clients_get_no_event_without_data() {
    let node = Node::of("everything", &[]);
    for version in ["2025-06-18", "2025-03-26"] {
        let mut client = Client::at(node.endpoint()).version(version).open().await;
        assert_eq!(client.version, version);
        let mut events = client.begin_with_progress("progress", json!({ "steps": 1 }), "t").await;
        let first = events.next().await.expect("an event");
        assert!(first.id.is_some());
        let message: Value = serde_json::from_slice(&first.data).expect("data that such a client can parse");
        assert_eq!(message["method"], "notifications/progress");
    }
}

/// A proxy that hears nothing gives up; so does a client.
#[tokio::test]
async fn a_long_call_shows_a_sign_of_life_before_it_is_answered() {
    let node = Node::of("slow", &["--delay", "16s"]);
    let mut client = Client::at(node.endpoint()).version("2025-06-18").open().await;
    let began = Instant::now();
    let reply = client.begin("wait", json!({})).await;
    let waited = began.elapsed();
    assert!(reply.is_events(), "the stream opens without an answer");
    assert!(waited > Duration::from_secs(8) && waited < Duration::from_millis(15_900), "it opened after {waited:?}");
    let mut events = reply.events();
    assert!(events.read().await);
    assert!(events.seen().starts_with(':'), "a comment comes first: {:?}", events.seen());
    let answer = events.message().await;
    assert_eq!(text_of(&answer["result"]), "waited 16s");
}
