//! The stream of a call: progress, messages, its loss and its end.

use crate::{able, modern, seen};
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{accept, form};
use sessile_tests::wait::{PATIENCE, until};

#[tokio::test]
async fn progress_goes_on_over_all_rounds() {
    let node = modern("everything");
    let mut client = able(&node).await;
    let mut events = client.begin_with_progress("survey", json!({}), "t").await;
    let mut steps = Vec::new();
    let answer = loop {
        let message = events.message().await;
        match message["method"].as_str() {
            Some("notifications/progress") => {
                assert_eq!(message["params"]["progressToken"], "t");
                steps.push(message["params"]["progress"].as_f64().unwrap());
            }
            Some(_) => {
                let fields = message["params"]["requestedSchema"]["properties"].as_object().unwrap();
                let (name, schema) = fields.iter().next().unwrap();
                let value = if schema["type"] == "boolean" { json!(true) } else { json!(format!("a {name}")) };
                client.answer(&message, accept(json!({ (name): value }))).await;
            }
            None => break message,
        }
    };
    assert_eq!(text_of(&answer["result"]), "a name surely likes a colour");
    assert_eq!(steps, [1.0, 2.0, 3.0]);
}

/// The level is kept by the runtime, and each request carries it.
#[tokio::test]
async fn messages_come_from_the_level_that_was_set() {
    let node = modern("everything");
    let mut client = able(&node).await;
    let log = |level: &str| json!({ "level": level, "message": "m" });
    client.result_of("logging/setLevel", json!({ "level": "error" })).await;
    let quiet = client.begin("log", log("info")).await;
    assert_eq!(text_of(&quiet.json().await["result"]), "below the client's level");
    let mut events = client.begin("log", log("critical")).await.events();
    let message = events.message().await;
    assert_eq!(
        (&message["method"], &message["params"]["level"]),
        (&json!("notifications/message"), &json!("critical"))
    );
    assert_eq!(text_of(&events.message().await["result"]), "sent");
    client.result_of("logging/setLevel", json!({ "level": "debug" })).await;
    let mut events = client.begin("log", log("info")).await.events();
    assert_eq!(events.message().await["params"]["level"], "info");
    let wrong = client.answer_to("logging/setLevel", json!({ "level": "loud" })).await;
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_at_the_server() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let call = json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call",
        "params": { "name": "ask", "arguments": { "for_ever": true } } });
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.post(call.to_string()).await });
    node.admin().in_flight(1).await;
    client.notify("notifications/cancelled", json!({ "requestId": "long", "reason": "changed my mind" })).await;
    let (call, cancelled) = until("the server is told", PATIENCE, async || {
        let cancelled = seen(&mut client, "notifications/cancelled").await;
        let calls = seen(&mut client, "tools/call").await;
        let call = calls.into_iter().find(|call| call["params"]["name"] == "ask")?;
        Some((call, cancelled.first()?.clone()))
    })
    .await;
    assert_eq!(cancelled["params"]["requestId"], call["id"]);
    node.admin().in_flight(0).await;
    waiting.abort();
}

/// A cancelled call may also be waiting for its client.
#[tokio::test]
async fn a_call_is_cancelled_while_it_asks() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let arguments = json!({ "rounds": [[form("Who?", "name", "string")]] });
    let call = json!({ "jsonrpc": "2.0", "id": "asking", "method": "tools/call",
        "params": { "name": "ask", "arguments": arguments } });
    let mut events = client.post(call.to_string()).await.events();
    let asked = events.message().await;
    client.notify("notifications/cancelled", json!({ "requestId": "asking" })).await;
    node.admin().in_flight(0).await;
    // An answer that comes later changes nothing.
    client.answer(&asked, accept(json!({ "name": "Ada" }))).await;
    let calls = seen(&mut client, "tools/call").await;
    assert_eq!(calls.iter().filter(|call| call["params"]["name"] == "ask").count(), 1, "{calls:?}");
}

/// Modern streams cannot be resumed; those of a legacy client can, whatever the server speaks.
#[tokio::test]
async fn a_stream_that_broke_is_resumed() {
    let node = modern("everything");
    let mut client = able(&node).await;
    let mut events = client.begin_with_progress("progress", json!({ "steps": 6, "interval_ms": 60 }), "t").await;
    let mut all = vec![events.message_event().await];
    drop(events);
    let last = all[0].0.clone();
    assert!(!last.is_empty());
    node.admin().in_flight(0).await;
    all.extend(client.resume(&last).await.events().rest().await);
    let steps: Vec<_> = all.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect();
    assert_eq!(steps, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(text_of(&all.last().unwrap().1["result"]), "6 steps done");
}

/// A question that was asked while the client was away is asked when it is back.
#[tokio::test]
async fn a_question_waits_for_a_client_that_comes_back() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let arguments = json!({ "rounds": [[form("First?", "name", "string")], [form("Second?", "name", "string")]] });
    let mut events = client.begin("ask", arguments).await.events();
    let (last, first) = events.message_event().await;
    drop(events);
    client.answer(&first, accept(json!({ "name": "Ada" }))).await;
    let mut again = client.resume(&last).await.events();
    let second = again.message().await;
    assert_eq!(second["params"]["message"], "Second?");
    client.answer(&second, accept(json!({ "name": "Bob" }))).await;
    let answer = again.message().await;
    let outcome: Value = serde_json::from_str(&text_of(&answer["result"])).unwrap();
    assert_eq!(outcome["answers"], json!([accept(json!({ "name": "Ada" })), accept(json!({ "name": "Bob" }))]));
}

#[tokio::test]
async fn a_server_that_dies_is_named_as_the_reason() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let mut events = client.begin("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await.events();
    let question = events.message().await;
    let death = client.answer_to("tools/call", json!({ "name": "die", "arguments": {} })).await;
    assert_eq!(death["error"]["data"]["reason"], "server_exit", "{death}");
    // Nobody waits for the client's answer any more.
    let moot = events.message().await;
    assert_eq!((&moot["method"], &moot["params"]["requestId"]), (&json!("notifications/cancelled"), &question["id"]));
    let answer = events.message().await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["reason"]), (&json!(-32000), &json!("server_exit")));
    client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
}
