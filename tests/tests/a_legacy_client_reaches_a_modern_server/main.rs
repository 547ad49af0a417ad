//! A legacy client is served by a server that speaks the modern era alone: what the one has and the other has not is the
//! runtime's to make up.

mod questions;
mod stream;
mod watching;

use serde_json::{Value, json};
use sessile_tests::{Client, Node, Script};

fn modern(fixture: &str) -> Node {
    Node::of(fixture, &["--era", "modern"])
}

/// A client that can do everything that a server may ask.
async fn able(node: &Node) -> Client {
    let able = json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {} });
    Client::at(node.endpoint()).capabilities(able).open().await
}

/// What the server has been sent with this method.
async fn seen(client: &mut Client, method: &str) -> Vec<Value> {
    serde_json::from_str(&client.call("seen", json!({ "method": method })).await).unwrap()
}

#[tokio::test]
async fn who_is_who_is_told_both_ways() {
    let node = modern("asker");
    let mut client = able(&node).await;
    assert_eq!(client.server["protocolVersion"], "2025-11-25");
    assert_eq!(client.server["serverInfo"]["name"], "fixture-asker");
    assert_eq!(client.server["instructions"], "ask");
    assert!(client.server["capabilities"]["resources"]["subscribe"] == true, "{}", client.server);
    assert!(client.server.get("supportedVersions").is_none() && client.server.get("resultType").is_none());

    let calls = seen(&mut client, "tools/call").await;
    let meta = &calls[0]["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "sessile-tests");
    let capabilities = &meta["io.modelcontextprotocol/clientCapabilities"];
    assert!(capabilities["elicitation"].is_object() && capabilities["sampling"]["tools"].is_object(), "{meta}");
    assert!(capabilities["extensions"]["io.modelcontextprotocol/tasks"].is_null(), "it does not know tasks: {meta}");
    for method in ["initialize", "notifications/initialized", "ping"] {
        assert!(seen(&mut client, method).await.is_empty(), "{method} is none of a modern server's business");
    }
}

#[tokio::test]
async fn pings_are_answered_without_the_server() {
    let node = modern("asker");
    let mut client = able(&node).await;
    assert_eq!(client.result_of("ping", json!({})).await, json!({}));
    assert!(seen(&mut client, "ping").await.is_empty());
    client.notify("notifications/roots/list_changed", json!({})).await;
    assert_eq!(client.call("opened", json!({})).await, "modern 2026-07-28");
}

#[tokio::test]
async fn results_are_those_of_its_era() {
    let node = modern("everything");
    let mut client = able(&node).await;
    let result = client.result_of("tools/call", json!({ "name": "sum", "arguments": { "a": 1, "b": 2 } })).await;
    assert_eq!(result["structuredContent"]["sum"], 3.0, "{result}");
    let mut results = vec![result];
    for (method, params) in [
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "test://static-text" })),
        ("prompts/get", json!({ "name": "test_simple_prompt" })),
    ] {
        results.push(client.result_of(method, params).await);
    }
    for result in &results {
        for member in ["resultType", "ttlMs", "cacheScope"] {
            assert!(result.get(member).is_none(), "{member}: {result}");
        }
    }
    // A tool that is always a task is nothing for a client that cannot know tasks.
    let refused = client.answer_to("tools/call", json!({ "name": "failing_job", "arguments": {} })).await;
    assert!(refused["error"]["code"].is_i64(), "{refused}");
    assert_eq!(client.call("slow_compute", json!({ "seconds": 0.1, "label": "x" })).await, "x computed");
}

/// A method that only the new era has is not there for a client of the old.
#[tokio::test]
async fn methods_are_those_of_its_era() {
    let node = modern("asker");
    let mut client = able(&node).await;
    for method in ["server/discover", "subscriptions/listen", "tasks/update", "nonsense"] {
        let answer = client.answer_to(method, json!({})).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
}

/// Servers that know no `initialize` may end with their refusal of it, and the client hears nothing of either.
#[tokio::test]
async fn a_server_that_ends_when_it_is_opened_in_the_wrong_era_is_opened_again() {
    let refusal =
        r#"{"jsonrpc":"2.0","id":'"$id"',"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;
    let discovered = r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}}"#;
    let called =
        r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}"#;
    let script = Script::new()
        .on(r#""method":"initialize""#, &format!("say '{refusal}'; kill -9 $$"))
        .answer(r#""method":"server/discover""#, discovered)
        .answer(r#""method":"tools/call""#, called);
    // The refusal and the end come in either order: many at once, so that both are met.
    let nodes: Vec<_> = (0..12).map(|_| Node::scripted(&script, "")).collect();
    let opened = nodes.iter().map(|node| async {
        let mut client = Client::open(node.endpoint()).await;
        assert_eq!(client.call("any", json!({})).await, "done");
    });
    futures_util::future::join_all(opened).await;
}
