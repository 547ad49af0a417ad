//! A session that nobody asks anything is frozen where it is, and goes on with the next request.

use http::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::modern::{accept, form};
use sessile_tests::{Client, Modern, Node};

/// A node whose sessions rest after a while.
fn node(fixture: &str, after: &str) -> Node {
    Node::limited(fixture, &[], &format!("hibernate_after = \"{after}\""))
}

async fn frozen(node: &Node) -> Value {
    let name = node.admin().only_name().await;
    node.admin().rests(&name).await
}

#[tokio::test]
async fn it_rests_at_its_clock_and_goes_on_with_the_next_request() {
    let node = node("counter", "100ms");
    let mut client = Client::open(node.endpoint()).await;
    for round in 1..=3 {
        assert_eq!(client.call("increment", json!({})).await, round.to_string());
        let session = frozen(&node).await;
        assert_eq!((&session["rest"]["kind"], &session["wakes"]), (&json!("frozen"), &json!(round - 1)));
    }
    client.close().await;
    node.admin().all_ended().await;
    node.stop();
}

#[tokio::test]
async fn it_rests_and_wakes_by_command() {
    let node = Node::of("counter", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let name = node.admin().only_name().await;
    for _ in 0..2 {
        assert_eq!(
            node.admin().rest(&name, "hibernate").await,
            (StatusCode::OK, json!({ "session": name, "state": "frozen" }))
        );
    }
    assert_eq!(frozen(&node).await["rest"]["kind"], "frozen");
    assert_eq!(node.admin().rest(&name, "resume").await.0, StatusCode::OK);
    assert_eq!(node.admin().only_session().await["state"], "idle");
    assert_eq!(node.admin().rest("s-unknown", "hibernate").await.0, StatusCode::NOT_FOUND);
    assert_eq!(node.admin().rest(&name, "hibernates").await.0, StatusCode::NOT_FOUND);
    node.admin().rest(&name, "hibernate").await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    // It can be stopped where it is.
    node.admin().rest(&name, "hibernate").await;
    node.admin().stop(&name).await;
    node.admin().all_ended().await;
    node.stop();
}

#[tokio::test]
async fn a_request_in_flight_keeps_it_awake_and_one_that_waits_for_its_client_does_not() {
    let node = node("asker", "100ms");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await;
    let session = frozen(&node).await;
    assert_eq!(session["parked"], 1);
    let text = client.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(text.contains("Ada"), "{text}");
    node.stop();

    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let name = node.admin().only_name().await;
    let mut events = client.begin_with_progress("progress", json!({ "steps": 5, "interval_ms": 100 }), "t").await;
    events.message_event().await;
    let (status, body) = node.admin().rest(&name, "hibernate").await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("a request is in flight"), "{body}");
    events.rest().await;
    node.stop();
}

#[tokio::test]
async fn a_frozen_session_outlives_its_node() {
    let node = node("counter", "200ms");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    frozen(&node).await;
    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "2");
    frozen(&node).await;
    node.stop();
}

#[tokio::test]
async fn its_idle_clock_ends_it_all_the_same() {
    let node = Node::limited("counter", &[], "hibernate_after = \"50ms\"\nidle_timeout = \"3s\"");
    let _client = Client::open(node.endpoint()).await;
    frozen(&node).await;
    assert_eq!(node.admin().end_of_only_session().await["reason"], "idle_timeout");
    node.stop();
}
