//! A node has so much memory, so many processors and so many sessions to give. Whoever comes when all is given waits for
//! a turn, and not for ever.

use http::StatusCode;
use serde_json::{Value, json};
use sessile_tests::node::{Start, manifest, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, binaries};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

fn node(node_keys: &str, limits: &str) -> Node {
    let home = Home::new();
    let command = words(&home.fixture("counter"), &[]);
    let text = manifest(node_keys, &[("it", &command, limits)]);
    Start::serve(home, "sessile.toml", &text).start()
}

async fn view(node: &Node) -> Value {
    node.admin().endpoint().at("/admin/v1/node").get_json().await
}

async fn waiting(node: &Node, count: u64) {
    until(format!("{count} starts wait"), PATIENCE, async || (view(node).await["waiting"] == count).then_some(()))
        .await;
}

#[tokio::test]
async fn memory_is_given_once() {
    let node = node("memory = \"128MiB\"\nqueue_timeout = \"300ms\"", "memory = \"64MiB\"\ncpu = 0.5");
    let first = Client::open(node.endpoint()).await;
    let _second = Client::open(node.endpoint()).await;
    let now = view(&node).await;
    assert_eq!(now["memory"], json!({ "taken": 128 << 20, "limit": 128 << 20 }), "{now}");
    assert_eq!(now["cpu"], json!({ "taken": 1.0, "limit": null }), "{now}");
    let began = Instant::now();
    let refused = Client::at(node.endpoint()).reply().await;
    assert!(began.elapsed() >= Duration::from_millis(300), "it waits first");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", refused.headers);
    let error = refused.expect_error(503, -32003).await;
    assert_eq!(error["error"]["data"], json!({ "budget": "memory", "limit": 128 << 20 }), "{error}");
    assert_eq!(node.admin().metric("sessile_queue_wait_seconds_count", "outcome=\"timed_out\"").await, 1.0);
    assert_eq!(node.admin().metric("sessile_node_taken", "memory_bytes").await, f64::from(128 << 20));
    first.close().await;
    until("the memory is free", PATIENCE, async || {
        (Client::at(node.endpoint()).reply().await.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn processors_are_counted_where_the_manifest_says_how_many() {
    let node = node("cpu = 1.5\nqueue = 0", "cpu = 0.6");
    let _both = (Client::open(node.endpoint()).await, Client::open(node.endpoint()).await);
    let began = Instant::now();
    let error = Client::at(node.endpoint()).reply().await.expect_error(503, -32003).await;
    assert_eq!(error["error"]["data"], json!({ "budget": "cpu", "limit": 1.5 }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(4), "with no queue, nobody waits");
}

#[tokio::test]
async fn a_start_that_waits_gets_the_first_place_that_is_free() {
    let node = node("sessions = 1\nqueue = 1\nqueue_timeout = \"60s\"", "");
    let first = Client::open(node.endpoint()).await;
    let endpoint = node.endpoint().clone();
    let waits = tokio::spawn(async move { Client::open(&endpoint).await.call("increment", json!({})).await });
    waiting(&node, 1).await;
    // One may wait; the next is refused at once.
    let began = Instant::now();
    Client::at(node.endpoint()).reply().await.expect_error(503, -32003).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    first.close().await;
    assert_eq!(waits.await.unwrap(), "1");
    assert_eq!(view(&node).await["waiting"], 0);
}

#[tokio::test]
async fn whoever_leaves_the_queue_makes_room_in_it() {
    let node = node("sessions = 1\nqueue_timeout = \"60s\"", "sessions_per_principal = 2");
    let first = Client::open(node.endpoint()).await;
    let endpoint = node.endpoint().clone();
    let leaves = tokio::spawn(async move { Client::at(&endpoint).reply().await.status });
    waiting(&node, 1).await;
    // Whoever waits counts among the sessions of its caller.
    Client::at(node.endpoint()).reply().await.expect_error(429, -32003).await;
    leaves.abort();
    waiting(&node, 0).await;
    first.close().await;
    Client::open(node.endpoint()).await.close().await;
}

#[tokio::test]
async fn callers_take_turns() {
    let home = Home::new();
    let (ada, bob, keys) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("counter"), &[]);
    let text = manifest("sessions = 1\nqueue_timeout = \"60s\"", &[("it", &command, "sessions_per_principal = 50")]);
    let node = Start::serve(home, "sessile.toml", &text).option(&["--api-keys", &keys]).start();
    let first = Client::at(node.endpoint()).key(&ada).open().await;
    let (opened, mut order) = mpsc::unbounded_channel();
    let wait_as = |who: &'static str, key: &str| {
        let (opening, opened) = (Client::at(node.endpoint()).key(key), opened.clone());
        tokio::spawn(async move {
            let client = opening.open().await;
            opened.send(who).unwrap();
            client.close().await;
        })
    };
    let mut all = Vec::new();
    for count in 1..=6 {
        all.push(wait_as("ada", &ada));
        waiting(&node, count).await;
    }
    all.push(wait_as("bob", &bob));
    waiting(&node, 7).await;
    first.close().await;
    let mut turns = Vec::new();
    for _ in 0..7 {
        turns.push(order.recv().await.unwrap());
    }
    assert_eq!(turns, ["ada", "bob", "ada", "ada", "ada", "ada", "ada"]);
    for one in all {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_stops_lets_nobody_wait() {
    let mut node = node("sessions = 1\nqueue_timeout = \"60s\"", "");
    let _first = Client::open(node.endpoint()).await;
    let endpoint = node.endpoint().clone();
    let waits = tokio::spawn(async move { Client::at(&endpoint).reply().await.expect_error(503, -32003).await });
    waiting(&node, 1).await;
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(waits.await.unwrap()["error"]["data"]["reason"], "node_shutdown");
    assert!(node.wait(PATIENCE).success());
}

#[test]
fn check_says_what_there_is_and_what_could_never_start() {
    let home = Home::new();
    let command = words(&home.fixture("counter"), &[]);
    let check = |node_keys: &str, limits: &str| {
        let file = home.file("sessile.toml", &manifest(node_keys, &[("it", &command, limits)]));
        let output = Command::new(binaries::sessile()).args(["check", "-c", &file]).output().expect("sessile starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, _) = check("memory = \"2GiB\"\ncpu = 3", "");
    let budgets = "all sessions together: 1000 sessions, 2.0 GiB of memory, 3 processors; 256 starts may wait 5s each";
    assert_eq!(code, Some(0));
    assert!(said.lines().any(|line| line == budgets), "{said}");
    let (code, _, error) = check("memory = \"2GiB\"", "memory = \"3GiB\"");
    assert_eq!(code, Some(2));
    assert!(error.contains("servers.it.limits.memory: more than `node.memory`, which is 2GiB"), "{error}");
}
