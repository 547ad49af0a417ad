//! The life of a session is the same, whatever its server speaks.

use serde_json::json;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Modern};

use crate::node;

#[tokio::test]
async fn the_end_of_a_session_is_told_inside() {
    for (era, told) in [("legacy", true), ("modern", false)] {
        let node = node(&["--era", era], &format!("era = \"{era}\""));
        let mut client = Client::open(node.endpoint()).await;
        assert_eq!(client.call("echo", json!({ "of": "x" })).await, "x");
        client.close().await;
        let end = node.admin().end_of_only_session().await;
        assert_eq!(end["reason"], "client_delete", "{end}");
        assert_eq!(end["stderr_tail"].as_str().unwrap().contains("the session was deleted"), told, "{era}: {end}");
        // Not a process, not a file, not a cgroup.
        node.stop();
    }
}

#[tokio::test]
async fn calls_are_bounded_as_they_are_over_pipes() {
    let node = node(&["--era", "legacy"], "limits = { in_flight = 2 }");
    let mut client = Client::open(node.endpoint()).await;
    let _first = client.begin_with_progress("hang", json!({}), "a").await;
    let _second = client.begin_with_progress("hang", json!({}), "b").await;
    client.ask("tools/list", json!({})).await.expect_error(429, -32003).await;
}

#[tokio::test]
async fn a_session_for_one_request_ends_with_it() {
    let node = node(&[], "scope = \"request\"");
    let client = Modern::at(node.endpoint());
    assert_eq!(client.call("echo", json!({ "of": "once" })).await, "once");
    node.admin().all_ended().await;
    assert_eq!(client.call("echo", json!({ "of": "twice" })).await, "twice");
}

/// The connection that carried one call carries the next, but not one that the server may have closed meanwhile.
#[tokio::test]
async fn calls_are_answered_after_a_rest() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    for pause in [0, 50, 2_500] {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        assert_eq!(client.call("echo", json!({ "of": "here" })).await, "here");
    }
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let node = node(&["--era", "legacy"], "");
    let mut client = Client::open(node.endpoint()).await;
    let first: u64 = client.call("connections", json!({})).await.parse().unwrap();
    for _ in 0..50 {
        client.call("echo", json!({ "of": "again" })).await;
    }
    let last: u64 = client.call("connections", json!({})).await.parse().unwrap();
    // A machine that stands still for a second between two calls costs one.
    assert!(last - first < 10, "{} more connections for 50 calls", last - first);
}

#[tokio::test]
async fn an_operator_stops_it() {
    let node = node(&[], "");
    let client = Client::open(node.endpoint()).await;
    let name = node.admin().only_session().await["name"].as_str().unwrap().to_owned();
    node.admin().stop(&name).await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "admin_stop", "{end}");
    until("the client is told", PATIENCE, async || (client.delete().await.status == 404).then_some(())).await;
}
