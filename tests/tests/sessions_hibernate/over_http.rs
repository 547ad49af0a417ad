//! A server that speaks HTTP inside its machine is gone on with over new connections, or frozen while one of its calls would be lost with the
//! old ones.

use super::{Counted, files, sleepers};
use http::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::machines::{self, monitors_of};
use sessile_tests::modern::accept;
use sessile_tests::node::{table, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Home, Modern, Node};

/// A node whose machines speak HTTP, with further limits and keys of `[node]`, one a line.
fn node(arguments: &[&str], limits: &str, node: &str) -> Node {
    node_of("http", arguments, limits, node)
}

fn node_of(fixture: &str, arguments: &[&str], limits: &str, node: &str) -> Node {
    let home = Home::new();
    let keys = format!(
        "isolation = \"microvm\"\nport = 8000\n\n[servers.it.limits]\nmemory = \"128MiB\"\nstart_timeout = \"2m\"\n{limits}"
    );
    let manifest = format!("[node]\n{node}\n\n{}", table("it", &words(&home.fixture(fixture), arguments), &keys));
    machines::serve(home, &manifest)
}

/// What reached the server, from its answer.
fn seen_in(text: &str) -> Vec<String> {
    serde_json::from_str(text).expect("the server tells what it saw")
}

/// Has the session of this name rest, by command, and returns how.
async fn rested(node: &Node, name: &str) -> Value {
    let (status, told) = node.admin().rest(name, "hibernate").await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told["state"].clone()
}

#[tokio::test]
async fn its_conversation_goes_on_after_the_disk_and_a_kill() {
    for arguments in [&["--era", "legacy"][..], &["--era", "modern"]] {
        let node = node(arguments, "hibernate_after = \"500ms\"", "");
        let mut counted = Counted::open(&node).await;
        // By its clock, and before the next node knows of it.
        let session = node.admin().rests(&counted.name).await;
        assert_eq!(session["rest"]["kind"], "disk", "{session}");
        assert_eq!((monitors_of(&counted.name), sleepers(&node).len()), (0, 1));
        assert_eq!(counted.count().await, "2", "{arguments:?}");
        node.admin().rests(&counted.name).await;
        let node = node.restart(Signal::KILL);
        let mut counted = counted.at(&node);
        assert_eq!(counted.count().await, "3", "{arguments:?}");
        let seen = seen_in(&counted.client.call("seen", json!({})).await);
        let openings = seen.iter().filter(|line| line.ends_with("initialize") || line.ends_with("discover")).count();
        assert_eq!(openings, 1, "opened once: {seen:?}");
        counted.client.close().await;
        node.stop();
    }
}

#[tokio::test]
async fn a_question_is_answered_after_the_disk_where_its_stream_can_be_resumed() {
    let node = node(&["--era", "legacy", "--resumable"], "", "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    let name = node.admin().only_name().await;
    for _ in 0..2 {
        assert_eq!(rested(&node, &name).await, "hibernated");
        assert_eq!((monitors_of(&name), sleepers(&node).len()), (0, 1));
        // Another request wakes it, and the question waits on.
        assert_eq!(modern.call("echo", json!({ "of": "on" })).await, "on");
    }
    assert_eq!(rested(&node, &name).await, "hibernated");
    let node = node.restart(Signal::KILL);
    let modern = modern.to(node.endpoint());
    assert_eq!(modern.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await, "Ada");
    assert_eq!((monitors_of(&name), files(&node).len()), (1, 0));
    node.stop();
}

/// What the official SDK for Rust gives its streams: ids, and a memory of what was said on them.
#[tokio::test]
async fn a_question_of_a_server_of_an_official_sdk_is_answered_after_the_disk() {
    let node = node_of("everything", &["--http", "127.0.0.1:8000", "--era", "legacy"], "", "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("test_elicitation", json!({ "message": "Who?" })).await;
    let name = node.admin().only_name().await;
    assert_eq!(rested(&node, &name).await, "hibernated");
    let answer = parked.all(&accept(json!({ "username": "ada", "email": "ada@example.com" })));
    let text = modern.finish(&parked, &answer).await;
    assert!(text.contains("ada@example.com"), "{text}");
    node.stop();
}

#[tokio::test]
async fn it_is_frozen_with_a_question_whose_stream_cannot_be_resumed() {
    let node = node(&["--era", "legacy"], "", "");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    let name = node.admin().only_name().await;
    assert_eq!(rested(&node, &name).await, "frozen");
    assert_eq!((monitors_of(&name), files(&node)), (1, Vec::new()));
    assert_eq!(modern.finish(&parked, &parked.all(&accept(json!({ "name": "Bob" })))).await, "Bob");
    // There is nothing to be lost any more.
    assert_eq!(rested(&node, &name).await, "hibernated");
    assert_eq!(modern.call("echo", json!({ "of": "on" })).await, "on");
    node.stop();
}

#[tokio::test]
async fn one_that_cannot_be_written_down_goes_on_with_all_that_was_open() {
    let node = node(&["--era", "legacy", "--resumable"], "", "hibernation_disk = \"1MiB\"");
    let modern = Modern::able(node.endpoint());
    let parked = modern.park("ask", json!({})).await;
    let name = node.admin().only_name().await;
    for _ in 0..2 {
        let (status, told) = node.admin().rest(&name, "hibernate").await;
        let said = told["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 409 && said.contains("node.hibernation_disk"), "{status} {told}");
        assert_eq!(modern.call("echo", json!({ "of": "on" })).await, "on");
    }
    assert_eq!(modern.finish(&parked, &parked.all(&accept(json!({ "name": "Bob" })))).await, "Bob");
    let seen: Vec<String> = seen_in(&modern.call("seen", json!({})).await);
    assert_eq!(seen.iter().filter(|line| line.ends_with("tools/call")).count(), 4, "each ran once: {seen:?}");
    node.stop();
}

#[tokio::test]
async fn changes_are_heard_after_the_disk() {
    for arguments in [&["--era", "legacy", "--resumable"][..], &["--era", "modern"]] {
        let node = node(arguments, "", "");
        let Counted { mut client, name } = Counted::open(&node).await;
        assert_eq!(client.call("change", json!({})).await, "changed");
        assert_eq!(rested(&node, &name).await, "hibernated");
        assert_eq!(client.call("echo", json!({ "of": "on" })).await, "on");
        let mut stream = client.listen().await;
        let asked_anew = async || {
            let seen = seen_in(&client.clone().call("seen", json!({})).await);
            let asked = |line: &&String| line.ends_with("subscriptions/listen") || **line == "GET /mcp";
            (seen.iter().filter(asked).count() >= 2).then_some(())
        };
        until("the server was asked anew to tell of changes", PATIENCE, asked_anew).await;
        assert_eq!(client.call("change", json!({})).await, "changed");
        assert_eq!(stream.message().await["method"], "notifications/tools/list_changed", "{arguments:?}");
        node.stop();
    }
}
