//! Sessions outlive their node, and nothing outlives a node that nobody comes after.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::modern::{Modern, accept, form};
use sessile_tests::node::GONE_WITHIN;
use sessile_tests::{Client, Isolation, in_each_isolation};
use std::time::Duration;

in_each_isolation!(
    a_session_outlives_its_node,
    a_question_is_answered_after_a_kill,
    a_call_to_a_port_inside_goes_on_after_a_kill,
    a_node_that_is_killed_leaves_nothing,
);

async fn a_session_outlives_its_node(isolation: Isolation) {
    let node = isolation.node("counter", &[], "", "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let before = node.admin().only_session().await;
    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "2");
    assert_eq!(node.admin().only_session().await["name"], before["name"]);
    // As often as it takes; and in the end it ends as every session does.
    let node = node.restart(Signal::USR2);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "3");
    client.close().await;
    node.admin().all_ended().await;
    node.stop();
}

async fn a_question_is_answered_after_a_kill(isolation: Isolation) {
    let node = isolation.node("asker", &[], "", "");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await;
    let node = node.restart(Signal::KILL);
    let client = client.to(node.endpoint());
    let text = client.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(text.contains("Ada"), "{text}");
    node.stop();
}

/// The runtime's connections into the sandbox end in the middle of what is said on them.
async fn a_call_to_a_port_inside_goes_on_after_a_kill(isolation: Isolation) {
    let node = isolation.node("http", &[], "port = 8000", "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "before" })).await, "before");
    let under_way = client.begin("hang", json!({})).await;
    node.admin().in_flight(1).await;
    let node = node.restart(Signal::KILL);
    drop(under_way);
    let mut client = client.to(node.endpoint());
    for _ in 0..5 {
        assert_eq!(client.call("echo", json!({ "of": "after" })).await, "after");
    }
    node.stop();
}

async fn a_node_that_is_killed_leaves_nothing(isolation: Isolation) {
    let mut node = isolation.node("counter", &[], "", "adopt_grace = \"1s\"");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let footprint = node.footprint();
    node.signal(Signal::KILL);
    node.wait(GONE_WITHIN);
    if let Err(left) = footprint.is_gone(Duration::from_secs(1) + GONE_WITHIN) {
        panic!("{left}");
    }
}
