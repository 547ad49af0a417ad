//! A modern request says which log messages it wants with its answer. A legacy server has one level for all its clients'
//! requests: it is told when that changes, and each request hears what it asked for.

use serde_json::{Value, json};
use sessile_tests::{Modern, Node};

const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

fn wanting(client: &Modern, level: &str) -> Modern {
    client.clone().meta(LOG_LEVEL, json!(level))
}

/// Has the server say a message, and returns the levels that came with the answer, and what the server said of it.
async fn log(client: &Modern, level: &str) -> (Vec<Value>, Value) {
    let reply = client.begin("log", json!({ "level": level, "message": "m" })).await;
    let mut messages: Vec<Value> = if reply.is_events() {
        reply.events().rest().await.into_iter().map(|(_, message)| message).collect()
    } else {
        vec![reply.json().await]
    };
    let answer = messages.pop().unwrap();
    let levels = messages.iter().map(|message| {
        assert_eq!(message["method"], "notifications/message", "{message}");
        message["params"]["level"].clone()
    });
    (levels.collect(), answer["result"]["content"][0]["text"].clone())
}

async fn hears_what_it_wants(era: &str) {
    let node = Node::of("everything", &["--era", era]);
    let client = Modern::at(node.endpoint());
    assert_eq!(log(&client, "emergency").await.0, [] as [Value; 0], "who asks for nothing gets nothing");
    let warned = wanting(&client, "warning");
    assert_eq!(log(&warned, "error").await, (vec![json!("error")], json!("sent")));
    assert_eq!(log(&warned, "info").await.0, [] as [Value; 0]);
    assert_eq!(log(&wanting(&client, "debug"), "info").await, (vec![json!("info")], json!("sent")));
    assert_eq!(log(&client, "emergency").await.0, [] as [Value; 0], "also afterwards");
    assert_eq!(log(&warned, "warning").await.0, [json!("warning")]);
}

#[tokio::test]
async fn of_a_legacy_server() {
    hears_what_it_wants("legacy").await;
}

#[tokio::test]
async fn of_a_modern_server() {
    hears_what_it_wants("modern").await;
}

/// Not for each request: only when the level changes.
#[tokio::test]
async fn a_legacy_server_is_told_of_changes() {
    let node = Node::of("asker", &["--era", "legacy"]);
    let client = Modern::at(node.endpoint());
    let told = async || {
        let seen = client.call("seen", json!({ "method": "logging/setLevel" })).await;
        let messages: Vec<Value> = serde_json::from_str(&seen).unwrap();
        messages.iter().map(|message| message["params"]["level"].clone()).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        wanting(&client, "error").call("opened", json!({})).await;
    }
    assert_eq!(told().await.iter().filter(|level| **level == "error").count(), 1);
    wanting(&client, "info").call("opened", json!({})).await;
    assert!(told().await.contains(&json!("info")));
}

/// Of two requests at once each hears no more than it asked for, though the server has one level for both. Whose a message
/// is a legacy server does not say.
#[tokio::test]
async fn each_of_two_at_once() {
    let node = Node::of("everything", &["--era", "legacy"]);
    let client = Modern::at(node.endpoint());
    let (loud, quiet) = (wanting(&client, "debug"), wanting(&client, "emergency"));
    // Three messages each, at the level `info`, while the other runs.
    let levels = async |client: &Modern| {
        let reply = client.begin("test_tool_with_logging", json!({})).await;
        if reply.is_events() { reply.events().rest().await.len() - 1 } else { 0 }
    };
    for _ in 0..3 {
        let (heard, unheard) = tokio::join!(levels(&loud), levels(&quiet));
        assert!((1..=6).contains(&heard) && unheard == 0, "{heard} and {unheard}");
    }
    assert_eq!(levels(&loud).await, 3);
}
