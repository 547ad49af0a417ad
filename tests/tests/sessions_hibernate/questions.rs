//! Questions that wait for their clients while the session sleeps.

use super::{files, node, sleepers};
use http::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use sessile_tests::Modern;
use sessile_tests::machines::monitors_of;
use sessile_tests::modern::accept;

#[tokio::test]
async fn a_count_of_41_and_a_question_survive_the_disk_and_a_kill() {
    let node = node("");
    let client = Modern::able(node.endpoint());
    assert_eq!(client.call("increment", json!({ "by": 41 })).await, "41");
    let parked = client.park("ask_increment", json!({})).await;
    let name = node.admin().only_name().await;
    let (status, told) = node.admin().rest(&name, "hibernate").await;
    assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("hibernated")), "{told}");
    assert_eq!((monitors_of(&name), sleepers(&node).len()), (0, 1));
    assert_eq!(node.admin().session(&name).await["parked"], 1);

    let node = node.restart(Signal::KILL);
    let client = client.to(node.endpoint());
    let session = node.admin().session(&name).await;
    assert_eq!((&session["state"], &session["parked"]), (&json!("hibernated"), &json!(1)), "{session}");
    assert_eq!(client.finish(&parked, &parked.all(&accept(json!({ "by": 1 })))).await, "42");
    assert_eq!(client.call("value", json!({})).await, "42");
    assert_eq!((monitors_of(&name), files(&node).len()), (1, 0));
    node.stop();
}

#[tokio::test]
async fn a_question_outlives_several_sleeps() {
    let node = node("");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask_increment", json!({})).await;
    let name = node.admin().only_name().await;
    assert_eq!(node.admin().rest(&name, "hibernate").await.0, StatusCode::OK);
    // Another request wakes it, and the question waits on.
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert_eq!(node.admin().rest(&name, "hibernate").await.0, StatusCode::OK);
    let declined = client.finish(&parked, &parked.all(&json!({ "action": "decline" }))).await;
    assert_eq!(declined, "not counted: no number was given");
    assert_eq!(client.call("value", json!({})).await, "1");
    assert_eq!(node.admin().live().await.len(), 1);
    node.stop();
}
