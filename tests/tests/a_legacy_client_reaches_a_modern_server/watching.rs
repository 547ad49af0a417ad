//! `resources/subscribe` and lists that change, which a modern server tells only those who listen.

use crate::{able, modern, seen};
use serde_json::{Value, json};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Events};

const ONE: &str = "test://one";
const TWO: &str = "test://two";

/// The filter of the listen that is open at the server.
async fn open_filter(client: &mut Client) -> Option<Value> {
    let listens = seen(client, "subscriptions/listen").await;
    let over: Vec<_> =
        seen(client, "notifications/cancelled").await.iter().map(|m| m["params"]["requestId"].clone()).collect();
    let mut open = listens.into_iter().filter(|listen| !over.contains(&listen["id"]));
    let (only, more) = (open.next(), open.next());
    more.is_none().then(|| only.map(|listen| listen["params"]["notifications"].clone()))?
}

async fn until_watched(client: &mut Client, uris: Value) {
    until(format!("{uris} is watched"), PATIENCE, async || {
        let filter = open_filter(client).await?;
        (filter.get("resourceSubscriptions").cloned().unwrap_or_else(|| json!([])) == uris).then_some(())
    })
    .await;
}

async fn expect_update(events: &mut Events, uri: &str) {
    let message = events.message().await;
    assert_eq!(
        (&message["method"], &message["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri))
    );
    assert!(
        message["params"].get("_meta").is_none_or(|meta| meta.as_object().is_some_and(serde_json::Map::is_empty)),
        "{message}"
    );
}

#[tokio::test]
async fn a_resource_is_watched_from_subscribe_to_unsubscribe() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let mut events = client.listen().await;
    assert_eq!(client.result_of("resources/subscribe", json!({ "uri": ONE })).await, json!({}));
    until_watched(&mut client, json!([ONE])).await;
    client.call("touch", json!({ "uri": ONE })).await;
    expect_update(&mut events, ONE).await;

    client.result_of("resources/subscribe", json!({ "uri": TWO })).await;
    until_watched(&mut client, json!([ONE, TWO])).await;
    client.call("touch", json!({ "uri": TWO })).await;
    expect_update(&mut events, TWO).await;

    client.result_of("resources/unsubscribe", json!({ "uri": ONE })).await;
    until_watched(&mut client, json!([TWO])).await;
    client.call("touch", json!({ "uri": ONE })).await;
    client.call("touch", json!({ "uri": TWO })).await;
    expect_update(&mut events, TWO).await;
    assert!(seen(&mut client, "resources/subscribe").await.is_empty(), "a modern server does not know it");
}

#[tokio::test]
async fn changed_lists_are_told_once() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let mut events = client.listen().await;
    until("the runtime listens", PATIENCE, async || {
        let filter = open_filter(&mut client).await?;
        (filter["toolsListChanged"] == true).then_some(())
    })
    .await;
    client.result_of("resources/subscribe", json!({ "uri": ONE })).await;
    until_watched(&mut client, json!([ONE])).await;
    client.call("grow", json!({})).await;
    assert_eq!(events.message().await["method"], "notifications/tools/list_changed");
    client.call("touch", json!({ "uri": ONE })).await;
    // Had the list been told of twice, that would come before this.
    expect_update(&mut events, ONE).await;
    let tools = client.result_of("tools/list", json!({})).await;
    assert!(tools.to_string().contains("grown_1"), "{tools}");
}
