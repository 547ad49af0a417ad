//! Whatever is bounded has a defined answer when it is full (invariant 7).

use http::StatusCode;
use serde_json::json;
use sessile_tests::client::{last_message, text_of};
use sessile_tests::node::{Start, manifest};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Ask, Client, Home, Node, Script};
use std::time::{Duration, Instant};

#[tokio::test]
async fn sessions_of_one_caller_are_bounded() {
    let node = Node::limited("counter", &[], "sessions_per_principal = 2");
    let first = Client::open(node.endpoint()).await;
    let _second = Client::open(node.endpoint()).await;
    let refused = Client::at(node.endpoint()).reply().await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", refused.headers);
    let error = refused.expect_error(429, -32003).await;
    assert_eq!(error["error"]["data"]["limit"], 2, "{error}");
    first.close().await;
    until("the place is free", PATIENCE, async || {
        (Client::at(node.endpoint()).reply().await.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sessions_of_all_callers_are_bounded() {
    let home = Home::new();
    let (ada, bob, keys) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = [home.fixture("counter")];
    let text = manifest("sessions = 3", &[("a", &command, "sessions = 1"), ("b", &command, "")]);
    let node = Start::serve(home, "sessile.toml", &text).option(&["--api-keys", &keys]).start();
    let (a, b) = (node.server("a"), node.server("b"));
    let hers = Client::at(&a).key(&ada).open().await;
    let full = Client::at(&a).key(&bob).reply().await;
    assert_ne!(full.header("retry-after"), "");
    full.expect_error(503, -32003).await;
    // Servers are counted apart, and together for the node.
    let _others = (Client::at(&b).key(&bob).open().await, Client::at(&b).key(&bob).open().await);
    Client::at(&b).key(&bob).reply().await.expect_error(503, -32003).await;
    hers.close().await;
    until("her place is free", PATIENCE, async || {
        (Client::at(&b).key(&bob).reply().await.status == StatusCode::OK).then_some(())
    })
    .await;
}

/// A session of one server is none of the others.
#[tokio::test]
async fn a_session_is_found_at_its_own_server_only() {
    let home = Home::new();
    let command = [home.fixture("counter")];
    let text = manifest("", &[("a", &command, ""), ("b", &command, "")]);
    let node = Start::serve(home, "sessile.toml", &text).start();
    let mut client = Client::open(&node.server("a")).await;
    client.endpoint = node.server("b");
    client.delete().await.expect_error(404, -32001).await;
    client.endpoint = node.server("a");
    client.close().await;
}

#[tokio::test]
async fn calls_wait_a_second_for_a_place_and_are_refused_then() {
    let node = Node::limited("everything", &[], "in_flight = 2");
    let client = Client::open(node.endpoint()).await;
    let slow = |id: &str, seconds: f64| {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "slow", "arguments": { "seconds": seconds } } });
        let client = client.clone();
        async move { client.post(body.to_string()).await }
    };
    let long = tokio::spawn(slow("long", 3.0));
    let short = tokio::spawn(slow("short", 0.8));
    node.admin().in_flight(2).await;
    // Gets the place of the short one, within the second that it waits.
    let waiting = tokio::spawn(slow("waiting", 2.5));
    assert_eq!(text_of(&short.await.unwrap().json().await["result"]), "done after 0.8 s");
    node.admin().in_flight(2).await;
    let began = Instant::now();
    let refused = slow("refused", 0.0).await;
    let waited = began.elapsed();
    assert!(waited > Duration::from_millis(700) && waited < Duration::from_secs(2), "it waited for {waited:?}");
    assert_eq!(refused.header("retry-after"), "1");
    let error = refused.expect_error(429, -32003).await;
    assert_eq!((&error["id"], &error["error"]["data"]["limit"]), (&json!("refused"), &json!(2)));
    for call in [waiting, long] {
        let answer = last_message(call.await.unwrap()).await;
        assert!(answer["result"].is_object(), "{answer}");
    }
}

#[tokio::test]
async fn listening_streams_are_bounded() {
    let node = Node::limited("counter", &[], "get_streams = 2");
    let client = Client::open(node.endpoint()).await;
    let first = client.listen().await;
    let _second = client.listen().await;
    client.endpoint.send(client.sign(Ask::listen())).await.expect_error(429, -32003).await;
    drop(first);
    until("the place is free", PATIENCE, async || {
        (client.endpoint.send(client.sign(Ask::listen())).await.status == StatusCode::OK).then_some(())
    })
    .await;
}

/// A server that is broken must not burn the processor with every request.
#[tokio::test]
async fn a_server_that_never_starts_is_not_tried_for_ever() {
    let node = Node::scripted(&Script::new().first("echo 'license expired' >&2; exit 1"), "");
    for _ in 0..5 {
        let answer = Client::at(node.endpoint()).reply().await.json().await;
        assert_eq!(answer["error"]["code"], -32006, "{answer}");
    }
    // The last failure is noted when its session is gone.
    node.admin().all_ended().await;
    let tried = node.admin().sessions().await.len();
    let refused = Client::at(node.endpoint()).reply().await;
    let after: u64 = refused.header("retry-after").parse().expect("it says when to come back");
    assert!((1..=30).contains(&after), "{after}");
    let error = refused.expect_error(503, -32006).await;
    assert!(error["error"]["message"].as_str().unwrap().contains("license expired"), "{error}");
    assert_eq!(node.admin().sessions().await.len(), tried, "nothing was started");
}

#[tokio::test]
async fn an_answer_over_the_limit_fails_its_call_and_nothing_else() {
    let node = Node::limited("chatty", &[], "message = \"1MiB\"");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("big", json!({ "bytes": 3 << 20 })).await).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    assert_eq!(answer["error"]["data"]["reason"], "message_too_large", "{answer}");
    let fits = client.call("big", json!({ "bytes": 1000 * 1000 })).await;
    assert_eq!(fits.len(), 1000 * 1000);
}

#[tokio::test]
async fn nothing_of_a_flood_is_lost_for_a_client_that_reads() {
    let node = Node::limited("chatty", &[], "replay_bytes = \"64KiB\"\nreplay_events = 50");
    let mut client = Client::open(node.endpoint()).await;
    let mut events = client.begin("logs", json!({ "count": 2000, "bytes": 500 })).await.events();
    for number in 0..2000 {
        let message = events.message().await;
        assert_eq!(message["params"]["data"]["number"], number, "{message}");
    }
    assert_eq!(text_of(&events.message().await["result"]), "2000 log messages sent");
}
