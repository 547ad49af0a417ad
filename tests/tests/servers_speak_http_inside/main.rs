//! A server that speaks HTTP inside its sandbox is hosted like any other: both eras, questions, limits, ends.

mod faults;
mod readiness;
mod restarts;
mod sessions;

use serde_json::{Map, Value, json};
use sessile_tests::client::{last_message, text_of};
use sessile_tests::modern::accept;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Modern, Node};

/// A node with the fixture, and further keys of its table.
fn node(arguments: &[&str], keys: &str) -> Node {
    Node::configured("http", arguments, &format!("port = 8000\n{keys}"))
}

/// The headers with which a call reached the server, from its answer.
fn headers_in(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("the server tells its headers")
}

/// What reached the server, from its answer.
fn seen_in(text: &str) -> Vec<String> {
    serde_json::from_str(text).expect("the server tells what it saw")
}

#[tokio::test]
async fn all_four_cells_work() {
    for era in ["legacy", "modern", "both"] {
        let node = node(&["--era", era], "");
        let mut legacy = Client::open(node.endpoint()).await;
        assert_eq!(legacy.server["serverInfo"]["name"], "fixture-http", "{era}");
        assert_eq!(legacy.call("echo", json!({ "of": "old" })).await, "old", "{era}");
        let modern = Modern::at(node.endpoint());
        assert_eq!(modern.call("echo", json!({ "of": "new" })).await, "new", "{era}");
        assert!(modern.list("tools").await.contains(&"echo".to_owned()), "{era}");
        // Two sessions, two sandboxes, and each has its own port 8000.
        assert_eq!(node.admin().live().await.len(), 2, "{era}");
        legacy.close().await;
    }
}

#[tokio::test]
async fn a_legacy_server_gets_its_own_session_id_and_never_ours() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    let headers = headers_in(&client.call("headers", json!({})).await);
    assert_eq!(headers["mcp-session-id"], "the-server's-own-id");
    assert_ne!(client.session, "the-server's-own-id", "it does not leave the sandbox");
    assert_eq!(headers["mcp-protocol-version"], "2025-11-25");
    assert_eq!(headers["host"], "127.0.0.1:8000");
    assert_eq!(headers["accept"], "application/json, text/event-stream");
    let name = node.admin().only_session().await["name"].clone();
    assert_eq!(headers["sessile-session"], name);
    assert_eq!(headers["x-amzn-bedrock-agentcore-runtime-session-id"], name);
    assert!(headers.values().all(|value| !value.to_string().contains(&client.session)), "{headers:?}");
}

#[tokio::test]
async fn a_server_without_sessions_is_told_the_name_of_ours() {
    let node = node(&["--era", "legacy", "--stateless"], "");
    let modern = Modern::at(node.endpoint());
    let headers = headers_in(&modern.call("headers", json!({})).await);
    assert_eq!(headers["mcp-session-id"], node.admin().only_session().await["name"]);
    let mut legacy = Client::open(node.endpoint()).await;
    assert_eq!(legacy.call("echo", json!({ "of": "still there" })).await, "still there");
}

#[tokio::test]
async fn a_modern_server_gets_the_headers_of_its_era_whoever_asks() {
    let node = node(&["--era", "modern"], "");
    let mut legacy = Client::open(node.endpoint()).await;
    let headers = headers_in(&legacy.call("headers", json!({})).await);
    assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    assert_eq!((&headers["mcp-method"], &headers["mcp-name"]), (&json!("tools/call"), &json!("headers")));
    assert!(!headers.contains_key("mcp-session-id"), "{headers:?}");
    // Its client knows nothing of headers, and this session has not asked for the tools yet.
    for region in ["eu", "us west", ""] {
        assert_eq!(legacy.call("routed", json!({ "region": region })).await, "routed", "{region:?}");
    }
    let modern = Modern::at(node.endpoint()).header("mcp-param-region", "us");
    assert_eq!(modern.call("routed", json!({ "region": "us" })).await, "routed");
}

#[tokio::test]
async fn a_question_goes_to_the_client_and_its_answer_back() {
    let node = node(&["--era", "legacy"], "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    assert_eq!(parked.requests[&parked.only_key()]["params"]["message"], "Who?");
    assert_eq!(modern.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await, "Ada");

    let opening = Client::at(node.endpoint()).capabilities(json!({ "elicitation": {} }));
    let mut legacy = opening.open().await;
    let mut events = legacy.begin("ask", json!({})).await.events();
    let question = events.message().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    legacy.answer(&question, accept(json!({ "name": "Bob" }))).await;
    assert_eq!(text_of(&events.message().await["result"]), "Bob");
}

#[tokio::test]
async fn many_calls_wait_beside_each_other() {
    let node = node(&["--era", "legacy"], "");
    let modern = Modern::able(node.endpoint());
    let calls: Vec<_> = (0..10)
        .map(|number| {
            let client = modern.clone();
            tokio::spawn(async move {
                let parked = client.park("ask", json!({ "number": number })).await;
                let name = format!("name {number}");
                assert_eq!(client.finish(&parked, &parked.all(&accept(json!({ "name": name })))).await, name);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(node.admin().only_session().await["in_flight"], 0);
}

#[tokio::test]
async fn what_belongs_to_no_call_is_heard_as_well() {
    let node = node(&["--era", "legacy"], "");
    let mut legacy = Client::open(node.endpoint()).await;
    let mut stream = legacy.listen().await;
    assert_eq!(legacy.call("change", json!({})).await, "changed");
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
    let seen = seen_in(&legacy.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| *line == "GET /mcp").count(), 1, "{seen:?}");
}

#[tokio::test]
async fn progress_comes_while_the_call_runs_and_a_broken_stream_is_resumed() {
    let node = node(&["--era", "legacy"], "");
    let mut legacy = Client::open(node.endpoint()).await;
    let mut events = legacy.begin_with_progress("resume", json!({}), "mine").await;
    let progress = events.message().await;
    assert_eq!((&progress["params"]["progressToken"], &progress["params"]["progress"]), (&json!("mine"), &json!(1)));
    assert_eq!(text_of(&events.message().await["result"]), "resumed");
    let seen = seen_in(&legacy.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| line.ends_with("tools/call")).count(), 2, "it ran once: {seen:?}");
}

/// A legacy server is told in words, a modern one by the end of the connection.
#[tokio::test]
async fn who_gives_a_call_up_gives_it_up_inside_too() {
    for (era, told) in [("legacy", 1), ("modern", 0)] {
        let node = node(&["--era", era], "");
        let mut legacy = Client::open(node.endpoint()).await;
        let mut hanging = legacy.begin_with_progress("hang", json!({}), "mine").await;
        assert_eq!(hanging.message().await["method"], "notifications/progress");
        legacy.notify("notifications/cancelled", json!({ "requestId": 2 })).await;
        hung_up(&mut legacy, era).await;

        let modern = Modern::at(node.endpoint()).meta("progressToken", json!("theirs"));
        let mut hanging = modern.begin("hang", json!({})).await.events();
        assert_eq!(hanging.message().await["method"], "notifications/progress");
        drop(hanging);
        until(format!("{era}: the server has noticed"), PATIENCE, async || {
            let seen = seen_in(&Modern::at(node.endpoint()).call("seen", json!({})).await);
            let words = seen.iter().filter(|line| line.ends_with("notifications/cancelled")).count();
            (seen.contains(&"a client hung up".to_owned()) && words == told).then_some(())
        })
        .await;
    }
}

async fn hung_up(client: &mut Client, era: &str) {
    until(format!("{era}: the server has noticed"), PATIENCE, async || {
        let seen = seen_in(&client.call("seen", json!({})).await);
        seen.contains(&"a client hung up".to_owned()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_it_prints_is_log_and_no_protocol() {
    let node = node(&[], "");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("die", json!({})).await).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    let data = &answer["error"]["data"];
    assert_eq!((&data["reason"], &data["exit"]), (&json!("server_exit"), &json!("exit code 3")), "{answer}");
    let tail = data["stderrTail"].as_str().unwrap();
    assert!(tail.contains("over HTTP, on stdout") && tail.contains("over HTTP, on stderr"), "{tail}");
    until("both are in the log", PATIENCE, async || {
        let log = node.log();
        (log.contains("stream=\"stdout\"") && log.contains("stream=\"stderr\"")).then_some(())
    })
    .await;
}
