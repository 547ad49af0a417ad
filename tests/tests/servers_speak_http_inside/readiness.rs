//! A session begins when its server can be talked to, and not before; and the server is told nothing until then.

use serde_json::json;
use sessile_tests::node::{Start, table, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Modern, Node};
use std::net::TcpListener;

use crate::{node, seen_in};

#[tokio::test]
async fn a_server_that_takes_its_time_is_waited_for() {
    for start in ["late", "unavailable"] {
        let node = node(&["--start", start], "");
        let mut client = Client::open(node.endpoint()).await;
        let seen = seen_in(&client.call("seen", json!({})).await);
        let probes = seen.iter().take_while(|line| *line == "GET /ping").count();
        assert_eq!(probes, if start == "late" { 1 } else { 4 }, "{start}: {seen:?}");
        assert_eq!(seen[probes], "POST /mcp initialize", "the probe enters no session: {seen:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_get_ready_says_why() {
    for (start, words) in [
        ("never", "nothing listens on port 8000"),
        ("mute", "takes connections, and answers no HTTP"),
        ("fails", "ended before it answered on port 8000: exit code 7"),
    ] {
        let node = node(&["--start", start], "limits = { start_timeout = \"1s\" }");
        let answer = Client::at(node.endpoint()).reply().await.json().await;
        assert_eq!(answer["error"]["code"], -32006, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{start}: {answer}");
        let tail = answer["error"]["data"]["stderrTail"].as_str().unwrap();
        assert!(tail.contains("a server over HTTP, on stdout"), "{answer}");
        assert_eq!(tail.contains("the database is not there"), start == "fails", "{answer}");
        let answer = Modern::at(node.endpoint()).answer_to("tools/list", json!({})).await;
        assert_eq!(answer["error"]["code"], -32006, "{answer}");
    }
}

#[tokio::test]
async fn a_warm_one_is_ready_and_has_been_told_nothing() {
    let node = node(&["--start", "late"], "pool = { warm = 1 }");
    until("one is warm", PATIENCE, async || {
        node.admin().sessions().await.iter().any(|session| session["state"] == "warm").then_some(())
    })
    .await;
    let mut client = Client::open(node.endpoint()).await;
    let seen = seen_in(&client.call("seen", json!({})).await);
    assert_eq!(seen[..2], ["GET /ping", "POST /mcp initialize"], "{seen:?}");
    assert_eq!(node.admin().metric("sessile_sessions_started_total", "kind=\"warm\"").await, 1.0);
    // The next one waits already, or will; a node that stops leaves neither.
    node.stop();
}

/// Servers that listen at `localhost` may mean this address alone.
#[tokio::test]
async fn a_server_at_the_other_loopback_address_is_found() {
    let node = node(&["--v6"], "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "six" })).await, "six");
}

#[tokio::test]
async fn another_port_and_another_path() {
    let home = Home::new();
    let command = words(&home.fixture("http"), &["--port", "3000", "--path", "/ping"]);
    let node = Start::run(home, &command).option(&["--port", "3000", "--path", "/ping"]).start();
    let mut client = Client::open(node.endpoint()).await;
    let seen = seen_in(&client.call("seen", json!({})).await);
    assert_eq!(seen[..2], ["GET /healthz", "POST /ping initialize"], "{seen:?}");
}

/// What it needs of the network, it needs before it listens.
#[tokio::test]
async fn its_way_out_is_open_while_it_starts() {
    let node = node(&["--start", "fetches"], "egress = { allow = [\"example.com:443\"] }");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "out" })).await, "out");
    let egress = node.admin().only_session().await["egress"].clone();
    assert_eq!(egress["refused"], 1, "what it asked for before it was a session counts: {egress}");
}

#[tokio::test]
async fn without_isolation_it_is_a_port_of_the_host() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = Home::new();
    let command = words(&home.fixture("http"), &["--port", &port.to_string()]);
    let keys = format!("port = {port}\nisolation = \"none\"");
    let text = table("it", &command, &keys);
    let node: Node = Start::serve(home, "sessile.toml", &text).option(&["--allow-unsandboxed"]).start();
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "free" })).await, "free");
    // A second session would talk to the same server.
    Client::at(node.endpoint()).reply().await.expect_error(429, -32003).await;
    client.close().await;
    node.admin().all_ended().await;
    // Nor is it anybody else's.
    let _squatter = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let answer = Client::at(node.endpoint()).reply().await.json().await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("is taken by another program"), "{answer}");
}
