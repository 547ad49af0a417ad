//! A session outlives its node also where every connection to its server ends with the node: what was not sent is sent, what can be
//! heard again is heard, and nothing is asked twice.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::client::text_of;
use sessile_tests::http::Ask;
use sessile_tests::modern::accept;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Modern, Node};

use crate::{headers_in, node, seen_in};

/// How often tools were called, besides this once.
async fn calls_seen(client: &mut Client) -> usize {
    let seen = seen_in(&client.call("seen", json!({})).await);
    seen.iter().filter(|line| line.ends_with("tools/call")).count() - 1
}

fn at(client: &Client, node: &Node) -> Client {
    client.to(node.endpoint())
}

#[tokio::test]
async fn what_a_server_remembers_is_there_after_a_kill() {
    for arguments in [&["--era", "legacy"][..], &["--era", "legacy", "--stateless"], &["--era", "modern"]] {
        let node = node(arguments, "");
        let mut legacy = Client::open(node.endpoint()).await;
        assert_eq!(legacy.call("increment", json!({})).await, "1");
        let modern = Modern::at(node.endpoint());
        assert_eq!(modern.call("increment", json!({})).await, "1", "another sandbox");
        // As often as it takes.
        let mut node = node;
        for count in ["2", "3"] {
            node = node.restart(Signal::KILL);
            let (mut legacy, modern) = (at(&legacy, &node), modern.to(node.endpoint()));
            assert_eq!(legacy.call("increment", json!({})).await, count, "{arguments:?}");
            assert_eq!(modern.call("increment", json!({})).await, count, "{arguments:?}");
        }
        let mut legacy = at(&legacy, &node);
        let seen = seen_in(&legacy.call("seen", json!({})).await);
        let openings = seen.iter().filter(|line| line.ends_with("initialize") || line.ends_with("discover")).count();
        assert_eq!(openings, 1, "opened once: {seen:?}");
        assert_eq!(node.admin().live().await.len(), 2, "no other session was opened");
        legacy.close().await;
        node.stop();
    }
}

#[tokio::test]
async fn the_servers_own_session_is_gone_on_with_and_ended() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    let before = headers_in(&client.call("headers", json!({})).await);
    let node = node.restart(Signal::KILL);
    let mut client = at(&client, &node);
    let after = headers_in(&client.call("headers", json!({})).await);
    for name in ["mcp-session-id", "mcp-protocol-version", "sessile-session"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    client.close().await;
    let end = node.admin().end_of_only_session().await;
    let tail = end["stderr_tail"].as_str().unwrap();
    assert!(tail.ends_with("the session was deleted"), "{end}");
    assert!(tail.contains("on stdout") && tail.contains("on stderr"), "what it said before: {end}");
    node.stop();
}

#[tokio::test]
async fn a_call_whose_events_have_ids_goes_on() {
    let node = node(&["--era", "legacy", "--resumable"], "");
    let mut client = Client::open(node.endpoint()).await;
    let mut events = client.begin_with_progress("steps", json!({ "of": 20 }), "t").await;
    let mut all = vec![events.message_event().await, events.message_event().await];
    let last = all[1].0.clone();
    let node = node.restart(Signal::KILL);
    drop(events);
    let mut client = at(&client, &node);
    all.extend(client.resume(&last).await.events().rest().await);
    let steps: Vec<_> = all.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect();
    assert_eq!(steps, (1..=20).map(f64::from).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(text_of(&all.last().unwrap().1["result"]), "20 steps done");
    assert_eq!(calls_seen(&mut client).await, 1, "it ran once");
}

#[tokio::test]
async fn a_call_whose_answer_cannot_be_had_is_answered_so_and_runs_once() {
    for era in ["legacy", "modern"] {
        let node = node(&["--era", era], "");
        let mut client = Client::open(node.endpoint()).await;
        let mut events = client.begin_with_progress("steps", json!({ "of": 5 }), "t").await;
        let last = events.message_event().await.0;
        let node = node.restart(Signal::KILL);
        drop(events);
        let mut client = at(&client, &node);
        let rest = client.resume(&last).await.events().rest().await;
        let answers: Vec<_> = rest.iter().filter(|(_, message)| !message["id"].is_null()).collect();
        assert_eq!(answers.len(), 1, "{era}: {rest:?}");
        let error = &answers[0].1["error"];
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32000), &json!("node_lost")), "{era}: {error}");
        assert_eq!(calls_seen(&mut client).await, 1, "{era}: it ran once");
        assert_eq!(client.call("echo", json!({ "of": "on" })).await, "on", "{era}: the session goes on");
    }
}

/// The server says that it has no such event any more.
#[tokio::test]
async fn a_stream_that_the_server_has_forgotten_is_said_to_be_lost() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    let mut events = client.begin_with_progress("promise", json!({}), "t").await;
    let last = events.message_event().await.0;
    let node = node.restart(Signal::KILL);
    drop(events);
    let client = at(&client, &node);
    let rest = client.resume(&last).await.events().rest().await;
    let error = &rest.last().unwrap().1["error"];
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32000), &json!("node_lost")), "{rest:?}");
}

#[tokio::test]
async fn a_question_that_was_put_before_the_kill_is_answered_after_it() {
    let node = node(&["--era", "legacy", "--resumable"], "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    let mut legacy = Client::at(node.endpoint()).capabilities(json!({ "elicitation": {} })).open().await;
    let mut events = legacy.begin("ask", json!({})).await.events();
    let question = events.message().await;
    let last = events.last_event_id().to_owned();
    let node = node.restart(Signal::KILL);
    drop(events);

    let modern = modern.to(node.endpoint());
    assert_eq!(modern.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await, "Ada");
    let mut legacy = at(&legacy, &node);
    legacy.answer(&question, accept(json!({ "name": "Bob" }))).await;
    let rest = legacy.resume(&last).await.events().rest().await;
    assert_eq!(text_of(&rest.last().unwrap().1["result"]), "Bob", "{rest:?}");
    assert_eq!(calls_seen(&mut legacy).await, 1, "it ran once");
}

/// Over a stream without ids the answer to the call cannot come any more, whatever the client answers.
#[tokio::test]
async fn a_question_of_a_stream_that_cannot_be_resumed_ends_its_call() {
    let node = node(&["--era", "legacy"], "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    let node = node.restart(Signal::KILL);
    let modern = modern.to(node.endpoint());
    let answer = modern.retry(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert_eq!(answer["error"]["data"]["reason"], "node_lost", "{answer}");
    assert_eq!(modern.call("echo", json!({ "of": "on" })).await, "on");
    let seen: Vec<String> = seen_in(&modern.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| line.ends_with("tools/call")).count(), 3, "it ran once: {seen:?}");
}

#[tokio::test]
async fn what_belongs_to_no_call_is_heard_once_across_a_kill() {
    let node = node(&["--era", "legacy", "--resumable"], "");
    let mut client = Client::open(node.endpoint()).await;
    let mut stream = client.listen().await;
    assert_eq!(client.call("change", json!({})).await, "changed");
    let (last, message) = stream.message_event().await;
    assert_eq!(message["method"], "notifications/tools/list_changed");
    // It changes while nobody hears it.
    assert_eq!(client.call("change_later", json!({})).await, "it will change");
    let node = node.restart(Signal::KILL);
    drop(stream);
    let mut client = at(&client, &node);
    let mut stream = client.resume(&last).await.events();
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
    let seen = seen_in(&client.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| *line == "GET /mcp").count(), 2, "one stream a node: {seen:?}");
    // There is nothing more to hear before the next change.
    assert_eq!(client.call("change", json!({})).await, "changed");
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
    assert_eq!(client.call("echo", json!({ "of": "on" })).await, "on");
}

/// A modern server is asked again to tell of changes: that has no effect, and its stream broke.
#[tokio::test]
async fn changes_at_a_modern_server_are_heard_after_a_kill() {
    let node = node(&["--era", "modern"], "");
    let mut client = Client::open(node.endpoint()).await;
    let mut stream = client.listen().await;
    let subscribed = async |client: &mut Client, times: usize| {
        let seen = seen_in(&client.call("seen", json!({})).await);
        (seen.iter().filter(|line| line.ends_with("subscriptions/listen")).count() == times).then_some(())
    };
    until("the server was asked", PATIENCE, async || subscribed(&mut client.clone(), 1).await).await;
    assert_eq!(client.call("change", json!({})).await, "changed");
    let (last, message) = stream.message_event().await;
    assert_eq!(message["method"], "notifications/tools/list_changed");
    let node = node.restart(Signal::KILL);
    drop(stream);
    let mut client = at(&client, &node);
    let mut stream = client.resume(&last).await.events();
    until("the server was asked again", PATIENCE, async || subscribed(&mut client.clone(), 2).await).await;
    assert_eq!(client.call("change", json!({})).await, "changed");
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn many_calls_go_on_beside_each_other() {
    let node = node(&["--era", "legacy", "--resumable"], "");
    let client = Client::open(node.endpoint()).await;
    let mut streams = Vec::new();
    for id in 1000..1020 {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "steps", "arguments": { "of": 10 }, "_meta": { "progressToken": id } } });
        streams.push(client.post(call.to_string()).await.events());
    }
    let mut lasts = Vec::new();
    for events in &mut streams {
        lasts.push(events.message_event().await.0);
    }
    let node = node.restart(Signal::KILL);
    drop(streams);
    let mut client = at(&client, &node);
    for last in lasts {
        let rest = client.resume(&last).await.events().rest().await;
        assert_eq!(text_of(&rest.last().unwrap().1["result"]), "10 steps done", "{rest:?}");
    }
    assert_eq!(calls_seen(&mut client).await, 20);
    until("nothing is in flight", PATIENCE, async || {
        (node.admin().only_session().await["in_flight"] == 0).then_some(())
    })
    .await;
}

/// What follows a notification waits until the server has taken that; so it lies in the node that is killed.
#[tokio::test]
async fn what_had_not_been_sent_is_sent_by_the_next_node() {
    let node = node(&["--era", "legacy"], "");
    let client = Client::open(node.endpoint()).await;
    client.clone().notify("notifications/roots/list_changed", json!({})).await;
    until("it has reached the server", PATIENCE, async || node.log().contains("takes a while").then_some(())).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1000, "method": "tools/call", "params": { "name": "increment" } });
    let waiting = tokio::spawn({
        let (ask, endpoint) = (client.sign(Ask::post(call.to_string())), node.endpoint().clone());
        async move { endpoint.try_send(ask).await }
    });
    node.admin().in_flight(1).await;
    let node = node.restart(Signal::KILL);
    assert!(waiting.await.unwrap().is_err(), "its connection broke");
    let mut client = at(&client, &node);
    node.admin().in_flight(0).await;
    assert_eq!(client.call("increment", json!({})).await, "2", "the first one has run, and once");
    let seen = seen_in(&client.call("seen", json!({})).await);
    let told = seen.iter().filter(|line| line.ends_with("roots/list_changed")).count();
    assert_eq!(told, 2, "one too many harms nobody: {seen:?}");
}

/// What the official SDK for Rust gives its streams: ids, and a memory of what was said on them.
#[tokio::test]
async fn a_server_of_an_official_sdk_is_gone_on_with() {
    let arguments = ["--http", "127.0.0.1:8000", "--era", "legacy"];
    let node = Node::configured("everything", &arguments, "port = 8000");
    let mut client = Client::open(node.endpoint()).await;
    let mut events = client.begin_with_progress("progress", json!({ "steps": 20, "interval_ms": 100 }), "t").await;
    let mut all = vec![events.message_event().await, events.message_event().await];
    let last = all[1].0.clone();
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("test_elicitation", json!({ "message": "Who?" })).await;
    let node = node.restart(Signal::KILL);
    drop(events);
    all.extend(at(&client, &node).resume(&last).await.events().rest().await);
    let steps: Vec<_> = all.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect();
    assert_eq!(steps, (1..=20).map(f64::from).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(text_of(&all.last().unwrap().1["result"]), "20 steps done");

    let modern = modern.to(node.endpoint());
    let answer = parked.all(&accept(json!({ "username": "ada", "email": "ada@example.com" })));
    let text = modern.finish(&parked, &answer).await;
    assert!(text.contains("ada@example.com"), "{text}");
}

/// Nothing was said to it, so there is nothing to go on with.
#[tokio::test]
async fn a_warm_one_ends_with_its_node() {
    let node = node(&["--era", "legacy"], "pool = { warm = 1 }");
    let warm = async |node: &Node| {
        let sessions = node.admin().sessions().await;
        sessions.iter().find(|session| session["state"] == "warm").map(|session| session["name"].clone())
    };
    let before = until("one is warm", PATIENCE, async || warm(&node).await).await;
    let node = node.restart(Signal::KILL);
    let after = until("another one is warm", PATIENCE, async || warm(&node).await).await;
    assert_ne!(before, after);
    assert!(!node.log().contains("goes on with"), "{}", node.log());
    node.stop();
}
