//! Calls that are parked and do not go on: too late, given up, or left behind by their server.

use crate::{answers_in, asker, one_question, seen};
use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::modern::{accept, form};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Ask, Modern, Node, Parked};

fn ada(parked: &Parked) -> Value {
    parked.all(&accept(json!({ "name": "Ada" })))
}

/// Sends a retry as it is, whatever comes of it.
fn retry(client: &Modern, parked: &Parked) -> Ask {
    client.request(&parked.method, parked.retried(&ada(parked)))
}

/// The record of the server, once something is in it.
async fn once_seen(client: &Modern, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(what, PATIENCE, async || {
        let record: Vec<Value> = serde_json::from_str(&client.call("seen", json!({})).await).unwrap();
        record.into_iter().find(|message| fits(message))
    })
    .await
}

#[tokio::test]
async fn who_comes_too_late_is_told_and_the_server_was_told() {
    let node = asker("limits.park_timeout = \"300ms\"");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("late")).await;
    let asked = seen(&client, "tools/call").await;
    let call = asked.iter().find(|call| call["params"]["name"] == "ask").unwrap()["id"].clone();

    let refusal = once_seen(&client, "the question is answered", |message| {
        message["id"] == "ask-1" && message["error"].is_object()
    });
    assert!(refusal.await["error"]["code"].is_i64());
    let cancelled =
        once_seen(&client, "the call is cancelled", |message| message["method"] == "notifications/cancelled");
    assert_eq!(cancelled.await["params"]["requestId"], call);
    let error = node.endpoint().send(retry(&client, &parked)).await.expect_error(400, -32602).await;
    assert_eq!(error["error"]["data"]["reason"], "input_expired", "{error}");
    // Nothing of it holds up the session, or the next call.
    let next = client.park("ask", one_question("in time")).await;
    assert_eq!(answers_in(&client.finish(&next, &ada(&next)).await), [accept(json!({ "name": "Ada" }))]);
}

#[tokio::test]
async fn a_server_that_dies_meanwhile_is_named_as_the_reason() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    let death = client.answer_to("tools/call", json!({ "name": "die", "arguments": {} })).await;
    assert_eq!(death["error"]["data"]["reason"], "server_exit", "{death}");
    let reply = node.endpoint().send(retry(&client, &parked)).await;
    assert!(!reply.header("sessile-session").is_empty(), "{:?}", reply.headers);
    let error: Value = serde_json::from_str(&reply.text().await).unwrap();
    assert_eq!(error["error"]["code"], -32000, "{error}");
    assert_eq!(error["error"]["data"]["reason"], "server_exit", "{error}");
    // It is not run again: a new call is.
    let next = client.park("ask", one_question("x")).await;
    assert_eq!(answers_in(&client.finish(&next, &ada(&next)).await).len(), 1);
    assert_eq!(node.admin().sessions().await.len(), 2);
}

#[tokio::test]
async fn a_session_that_an_operator_stops_is_gone_with_its_questions() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    node.admin().stop(node.admin().only_session().await["name"].as_str().unwrap()).await;
    node.admin().all_ended().await;
    let reply = node.endpoint().send(retry(&client, &parked)).await;
    let error: Value = serde_json::from_str(&reply.text().await).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["data"]["reason"]), (&json!(-32000), &json!("admin_stop")));
}

#[tokio::test]
async fn who_closes_the_stream_of_a_retry_gives_the_call_up() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let arguments = json!({ "rounds": [[form("Who?", "name", "string")]], "for_ever": true });
    let with_progress = json!({ "name": "ask", "arguments": arguments, "_meta": { "progressToken": "p" } });
    let parked = client.park_request("tools/call", with_progress).await;
    let asked = seen(&client, "tools/call").await;
    let call = asked.iter().find(|call| call["params"]["name"] == "ask").unwrap()["id"].clone();
    let mut events = client.begin_retry(&parked, &ada(&parked)).await.events();
    assert_eq!(events.message().await["method"], "notifications/progress", "the server has its answer and goes on");
    drop(events);
    let cancelled =
        once_seen(&client, "the server is told", |message| message["method"] == "notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], call);
    node.admin().in_flight(0).await;
    node.endpoint().send(retry(&client, &parked)).await.expect_error(400, -32602).await;
}

/// Also before the first byte of an answer has come.
#[tokio::test]
async fn who_hangs_up_before_the_answer_begins_gives_the_call_up() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    client.list("tools").await;
    let ask = client.request("tools/call", json!({ "name": "ask", "arguments": { "for_ever": true } }));
    let endpoint = node.endpoint().clone();
    let waiting = tokio::spawn(async move { endpoint.try_send(ask).await.map(drop) });
    node.admin().in_flight(1).await;
    waiting.abort();
    once_seen(&client, "the server is told", |message| message["method"] == "notifications/cancelled").await;
    node.admin().in_flight(0).await;
}

/// Another session of the same server is the clock: it is idle, and ends.
#[tokio::test]
async fn a_parked_call_keeps_its_session_alive() {
    let node = asker("limits.idle_timeout = \"400ms\"");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    for name in ["idle-1", "idle-2"] {
        Modern::able(node.endpoint()).session(name).call("opened", json!({})).await;
        until("the idle session has ended", PATIENCE, async || (node.admin().live().await.len() == 1).then_some(()))
            .await;
    }
    assert_eq!(node.admin().live().await[0]["parked"], 1);
    assert_eq!(answers_in(&client.finish(&parked, &ada(&parked)).await).len(), 1);
    node.admin().all_ended().await;
    for session in node.admin().sessions().await {
        assert_eq!(session["end"]["reason"], "idle_timeout", "{session}");
    }
}

#[tokio::test]
async fn the_sandbox_of_a_request_lives_while_it_is_parked() {
    let node = asker("scope = \"request\"");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    let live = until("only the parked call's session is left", PATIENCE, async || {
        let live = node.admin().live().await;
        (live.len() == 1).then_some(live)
    })
    .await;
    assert_eq!(live[0]["parked"], 1);
    let text = client.finish(&parked, &ada(&parked)).await;
    assert_eq!(answers_in(&text), [accept(json!({ "name": "Ada" }))]);
    node.admin().all_ended().await;
    // Also when nobody comes back.
    let node = asker("scope = \"request\"\nlimits.park_timeout = \"200ms\"");
    Modern::able(node.endpoint()).park("ask", one_question("x")).await;
    node.admin().all_ended().await;
}

/// No call is lost, or made twice, where the node stops in between: until sandboxes are taken over by the next node, the
/// call has ended with its session.
#[tokio::test]
async fn a_node_that_stops_takes_its_parked_calls_along() {
    let node = asker("limits.drain = \"0s\"");
    let parked = Modern::able(node.endpoint()).park("ask", one_question("x")).await;
    let node: Node = node.restart(Signal::TERM);
    let client = Modern::able(node.endpoint());
    let reply = node.endpoint().send(retry(&client, &parked)).await;
    let error: Value = serde_json::from_str(&reply.text().await).unwrap();
    assert!(error["error"]["code"].is_i64() && error["error"]["data"]["reason"].is_string(), "{error}");
    assert_eq!(seen(&client, "tools/call").await.len(), 1, "the call is not made again behind its client's back");
}
