//! A sandbox that runs already becomes a session, once.

use serde_json::json;
use sessile_tests::wait::until;
use sessile_tests::{Client, Isolation, in_each_isolation};
use std::time::Duration;

in_each_isolation!(a_session_begins_in_a_sandbox_that_is_there_already);

/// A machine takes its time under emulation.
const PATIENCE: Duration = Duration::from_secs(90);

async fn a_session_begins_in_a_sandbox_that_is_there_already(isolation: Isolation) {
    let node = isolation.node("counter", &[], "pool = { warm = 1 }", "");
    let warm = async |but: &str| {
        until("one is warm", PATIENCE, async || {
            let sessions = node.admin().sessions().await;
            let warm = sessions.iter().filter(|session| session["state"] == "warm" && session["name"] != but);
            warm.last().map(|session| session["name"].as_str().expect("it has a name").to_owned())
        })
        .await
    };
    let waiting = warm("").await;
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert_ne!(node.admin().session(&waiting).await["calls"], 0, "it is the one that was there");
    assert_eq!(node.admin().metric("sessile_sessions_started_total", "kind=\"warm\"").await, 1.0);
    // Another one takes its place, which knows nothing of what this one was told.
    warm(&waiting).await;
    let mut other = Client::open(node.endpoint()).await;
    assert_eq!(other.call("increment", json!({})).await, "1");
    assert_eq!(client.call("increment", json!({})).await, "2");
    node.stop();
}
