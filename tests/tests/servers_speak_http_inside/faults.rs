//! Whatever such a server does wrong, its caller is told, and what can go on goes on.

use serde_json::{Value, json};
use sessile_tests::client::{last_message, text_of};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Modern};

use crate::{node, seen_in};

async fn outcome(client: &mut Client, tool: &str, of: Value) -> Value {
    last_message(client.begin(tool, json!({ "of": of })).await).await
}

#[tokio::test]
async fn every_answer_that_is_none_becomes_an_error_of_its_call() {
    let node = node(&["--era", "legacy"], "limits = { message = \"64KiB\" }");
    let mut client = Client::open(node.endpoint()).await;
    for (tool, of, reason, words) in [
        ("status", json!(500), "http_status", "HTTP 500"),
        ("status", json!(401), "http_status", "it went wrong"),
        ("redirect", Value::Null, "http_status", "write the path it leads to as `path`"),
        ("html", Value::Null, "content_type", "text/html"),
        ("untyped", Value::Null, "content_type", "without a content type"),
        ("garbage", Value::Null, "no_answer", "without one"),
        ("other_id", Value::Null, "no_answer", "without one"),
        ("accepted", Value::Null, "no_answer", "without one"),
        ("half", Value::Null, "no_answer", "without one"),
        ("huge", json!(100_000), "message_too_large", "over the limit of 65536"),
        ("huge_event", json!(100_000), "message_too_large", "over the limit of 65536"),
    ] {
        let answer = outcome(&mut client, tool, of).await;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["data"]["reason"]),
            (&json!(-32000), &json!(reason)),
            "{answer}"
        );
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{tool}: {answer}");
        assert_eq!(client.call("echo", json!({ "of": "on" })).await, "on", "the session goes on after {tool}");
    }
    let below = text_of(&outcome(&mut client, "huge", json!(60_000)).await["result"]);
    assert_eq!(below.len(), 60_000);
    // Each ran once.
    let seen = seen_in(&client.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| line.ends_with("tools/call")).count(), 11 * 2 + 2, "{seen:?}");
}

#[tokio::test]
async fn an_error_of_the_server_itself_is_passed_on() {
    for era in ["legacy", "modern"] {
        let node = node(&["--era", era], "");
        let mut client = Client::open(node.endpoint()).await;
        let answer = client.answer_to("tools/call", json!({ "name": "nothing" })).await;
        assert_eq!(answer["error"], json!({ "code": -32602, "message": "no tool nothing" }), "{era}");
        // With a status of HTTP that says the same.
        let answer = client.answer_to("prompts/get", json!({ "name": "x" })).await;
        assert_eq!(answer["error"]["code"], -32601, "{era}: {answer}");
    }
}

#[tokio::test]
async fn what_is_said_before_a_peaceful_end_is_heard() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("last_words", json!({})).await, "last words");
    assert_eq!(node.admin().end_of_only_session().await["reason"], "server_exit");
}

/// Its state is gone, so the session is of no use to its client.
#[tokio::test]
async fn a_server_that_forgets_its_session_ends_ours() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("forget", json!({})).await, "forgotten");
    let answer = outcome(&mut client, "echo", json!("x")).await;
    assert_eq!(answer["error"]["data"]["reason"], "server_session_lost", "{answer}");
    node.admin().end_of_only_session().await;
    client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
    // A client that begins anew gets a new one.
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "anew" })).await, "anew");
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_its_time() {
    for era in ["legacy", "modern"] {
        let node = node(&["--era", era], "limits = { request_timeout = \"1s\" }");
        let modern = Modern::at(node.endpoint());
        let answer = last_message(modern.begin("hang", json!({})).await).await;
        assert_eq!(answer["error"]["code"], -32007, "{era}: {answer}");
        until(format!("{era}: the server has noticed"), PATIENCE, async || {
            let seen = seen_in(&modern.call("seen", json!({})).await);
            seen.contains(&"a client hung up".to_owned()).then_some(())
        })
        .await;
    }
}
