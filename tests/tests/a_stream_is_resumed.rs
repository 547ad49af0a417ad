//! A client that lost a stream comes back with `Last-Event-ID` and gets what it missed, once (SEP-1699).

use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::{Client, Events, Node, Script};
use std::collections::HashSet;

fn steps(messages: &[(String, Value)]) -> Vec<f64> {
    messages.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect()
}

#[tokio::test]
async fn the_stream_of_a_call_goes_on_where_it_broke() {
    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let arguments = json!({ "steps": 8, "interval_ms": 60 });
    let mut events = client.begin_with_progress("progress", arguments, "t").await;
    let mut all = vec![events.message_event().await, events.message_event().await];
    drop(events);
    let last = all[1].0.clone();
    // The call goes on without its client, to its end. Its answer waits.
    node.admin().in_flight(0).await;

    all.extend(client.resume(&last).await.events().rest().await);
    assert_eq!(steps(&all), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], "each once, in order");
    assert_eq!(text_of(&all.last().unwrap().1["result"]), "8 steps done");
    let ids: HashSet<_> = all.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), all.len(), "ids are unique: {all:?}");
}

/// A client may come back while the call still runs, and as often as it likes.
#[tokio::test]
async fn a_call_is_followed_over_many_connections() {
    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let arguments = json!({ "steps": 6, "interval_ms": 100 });
    let mut events = client.begin_with_progress("progress", arguments, "t").await;
    // Before any message: the primer alone is enough to come back.
    events.next().await.expect("a primer");
    let mut all = Vec::new();
    loop {
        let last = events.last_event_id().to_owned();
        drop(events);
        events = client.resume(&last).await.events();
        all.push(events.message_event().await);
        if all.last().unwrap().1["result"].is_object() {
            break;
        }
    }
    assert_eq!(steps(&all), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(events.next().await.is_none(), "nothing follows the answer");
}

#[tokio::test]
async fn each_stream_is_resumed_for_itself() {
    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let arguments = json!({ "steps": 4, "interval_ms": 60 });
    let mut first = client.begin_with_progress("progress", arguments.clone(), "first").await;
    let mut second = client.begin_with_progress("progress", arguments, "second").await;
    first.message().await;
    second.message().await;
    let (first_id, second_id) = (first.last_event_id().to_owned(), second.last_event_id().to_owned());
    drop((first, second));
    node.admin().in_flight(0).await;
    for (id, token) in [(first_id, "first"), (second_id, "second")] {
        let messages = client.resume(&id).await.events().rest().await;
        let progress: Vec<_> = messages.iter().filter(|(_, message)| message["method"].is_string()).collect();
        assert_eq!(progress.len(), 3, "{messages:?}");
        assert!(progress.iter().all(|(_, message)| message["params"]["progressToken"] == token), "{messages:?}");
    }
}

/// Says a numbered message, belonging to no call, for each notification of the client.
fn teller() -> Script {
    let update = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://"#;
    Script::new().first("n=0").on("notifications/tell", &format!("n=$((n+1)); say '{update}'\"$n\"'\"}}}}'"))
}

async fn uris(events: &mut Events, count: usize) -> Vec<String> {
    let mut uris = Vec::new();
    for _ in 0..count {
        uris.push(events.message().await["params"]["uri"].as_str().unwrap_or_default().to_owned());
    }
    uris
}

#[tokio::test]
async fn a_listening_stream_goes_on_where_it_broke() {
    let node = Node::scripted(&teller(), "");
    let mut client = Client::open(node.endpoint()).await;
    let mut listening = client.listen().await;
    for _ in 0..2 {
        client.notify("notifications/tell", json!({})).await;
    }
    assert_eq!(uris(&mut listening, 2).await, ["test://1", "test://2"]);
    let last = listening.last_event_id().to_owned();
    drop(listening);
    for _ in 0..2 {
        client.notify("notifications/tell", json!({})).await;
    }
    let mut again = client.resume(&last).await.events();
    assert_eq!(uris(&mut again, 2).await, ["test://3", "test://4"]);
    client.notify("notifications/tell", json!({})).await;
    assert_eq!(uris(&mut again, 1).await, ["test://5"]);
    // A stream of its own gets nothing twice.
    let mut other = client.listen().await;
    drop(again);
    client.delete().await;
    assert_eq!(other.rest().await, []);
}

#[tokio::test]
async fn what_is_said_to_nobody_waits_for_a_listener() {
    let node = Node::scripted(&teller(), "");
    let mut client = Client::open(node.endpoint()).await;
    for _ in 0..3 {
        client.notify("notifications/tell", json!({})).await;
    }
    let mut listening = client.listen().await;
    assert_eq!(uris(&mut listening, 3).await, ["test://1", "test://2", "test://3"]);
}

/// Silence would let the client believe that it has missed nothing.
#[tokio::test]
async fn an_id_that_is_no_longer_held_is_refused() {
    let node = Node::limited("everything", &[], "replay_events = 3");
    let mut client = Client::open(node.endpoint()).await;
    let arguments = json!({ "steps": 8, "interval_ms": 5 });
    let mut events = client.begin_with_progress("progress", arguments, "t").await;
    let (first, _) = events.message_event().await;
    let messages = events.rest().await;
    assert_eq!(messages.len(), 8, "a small ring loses nothing for a client that stays: {messages:?}");
    let other = Client::open(node.endpoint()).await;
    for id in [first.as_str(), "999-1", "1-999999", "nonsense", "", "-", "18446744073709551616-1", "+1-0"] {
        let error = client.resume(id).await.expect_error(400, -32600).await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("connect without"), "it says what to do: {message}");
        other.resume(id).await.expect_error(400, -32600).await;
    }
    let newest = messages[5].0.clone();
    other.resume(&newest).await.expect_error(400, -32600).await;
}

/// With `stream_timeout` the node closes connections that stay open long, and the client polls.
#[tokio::test]
async fn a_client_is_asked_to_come_back() {
    let node = Node::limited("everything", &[], "stream_timeout = \"300ms\"");
    let mut client = Client::open(node.endpoint()).await;
    let mut events = client.begin_with_progress("progress", json!({ "steps": 5, "interval_ms": 200 }), "t").await;
    let (mut connections, mut seen) = (1, Vec::new());
    let answer = loop {
        let all = events.rest().await;
        seen.extend(steps(&all));
        if let Some((_, message)) = all.into_iter().find(|(_, message)| message["result"].is_object()) {
            break message;
        }
        connections += 1;
        assert!(connections < 20, "the answer never comes");
        let last = events.last_event_id().to_owned();
        assert!(!last.is_empty(), "a connection is closed only when the client can come back");
        events = client.resume(&last).await.events();
    };
    assert!(connections > 1, "no connection was closed");
    assert_eq!(seen, [1.0, 2.0, 3.0, 4.0, 5.0], "each once, in order");
    assert_eq!(text_of(&answer["result"]), "5 steps done");
}
