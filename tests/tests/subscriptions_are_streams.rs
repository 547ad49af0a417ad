//! A modern client hears of changes on streams that it asks for, each of what it asked for and under its own id. What the
//! server of the other era must be told for that, it is told once.

use serde_json::{Value, json};
use sessile_tests::modern::META_SUBSCRIPTION;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Events, Modern, Node};

const ONE: &str = "test://one";
const TWO: &str = "test://two";
const WATCHED: &str = "test://watched-resource";

fn asker(era: &str) -> (Node, Modern) {
    let node = Node::of("asker", &["--era", era]);
    let client = Modern::at(node.endpoint());
    (node, client)
}

async fn seen(client: &Modern, method: &str) -> Vec<Value> {
    serde_json::from_str(&client.call("seen", json!({ "method": method })).await).unwrap()
}

/// Waits until the server has been sent so many messages of a method.
async fn until_seen(client: &Modern, method: &str, count: usize) -> Vec<Value> {
    until(format!("the server has {count} of {method}"), PATIENCE, async || {
        let found = seen(client, method).await;
        assert!(found.len() <= count, "{found:?}");
        (found.len() == count).then_some(found)
    })
    .await
}

/// The next message, which is this notification of this subscription.
async fn expect(events: &mut Events, id: &Value, method: &str) -> Value {
    let message = events.message().await;
    assert_eq!((&message["method"], &message["params"]["_meta"][META_SUBSCRIPTION]), (&json!(method), id), "{message}");
    message["params"].clone()
}

async fn hears_of_lists(era: &str) {
    let node = Node::of("everything", &["--era", era]);
    let client = Modern::at(node.endpoint());
    let (mut tools, tools_id, agreed) = client.listen(json!({ "toolsListChanged": true })).await;
    assert_eq!(agreed, json!({ "toolsListChanged": true }));
    let both = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let (mut all, all_id, agreed) = client.listen(both.clone()).await;
    assert_eq!(agreed, both);
    let (mut prompts, prompts_id, _) = client.listen(json!({ "promptsListChanged": true })).await;

    assert_eq!(client.call("grow", json!({})).await, "grown_1");
    expect(&mut tools, &tools_id, "notifications/tools/list_changed").await;
    expect(&mut all, &all_id, "notifications/tools/list_changed").await;
    client.call("test_trigger_prompt_change", json!({})).await;
    expect(&mut all, &all_id, "notifications/prompts/list_changed").await;
    expect(&mut prompts, &prompts_id, "notifications/prompts/list_changed").await;
    // Had the first heard of prompts, that would come before this.
    client.call("grow", json!({})).await;
    expect(&mut tools, &tools_id, "notifications/tools/list_changed").await;
    assert!(client.list("tools").await.contains(&"grown_2".to_owned()));
}

#[tokio::test]
async fn of_a_legacy_servers_lists() {
    hears_of_lists("legacy").await;
}

#[tokio::test]
async fn of_a_modern_servers_lists() {
    hears_of_lists("modern").await;
}

async fn hears_of_resources(era: &str) {
    let node = Node::of("everything", &["--era", era]);
    let client = Modern::at(node.endpoint());
    let filter = json!({ "resourceSubscriptions": [WATCHED] });
    let (mut events, id, agreed) = client.listen(filter.clone()).await;
    assert_eq!(agreed, filter);
    client.call("touch_resource", json!({ "uri": "test://static-text" })).await;
    client.call("touch_resource", json!({ "uri": WATCHED })).await;
    let params = expect(&mut events, &id, "notifications/resources/updated").await;
    assert_eq!(params["uri"], WATCHED, "what was not asked for is not told");
}

#[tokio::test]
async fn of_a_legacy_servers_resources() {
    hears_of_resources("legacy").await;
}

#[tokio::test]
async fn of_a_modern_servers_resources() {
    hears_of_resources("modern").await;
}

#[tokio::test]
async fn a_resource_is_subscribed_once_for_all_who_listen() {
    let (_node, client) = asker("legacy");
    let of = |uris: &[&str]| json!({ "resourceSubscriptions": uris });
    let (mut first, first_id, _) = client.listen(of(&[ONE])).await;
    let (mut second, second_id, _) = client.listen(of(&[ONE, TWO])).await;
    let subscribed: Vec<_> = until_seen(&client, "resources/subscribe", 2).await;
    let uris: Vec<_> = subscribed.iter().map(|message| message["params"]["uri"].clone()).collect();
    assert_eq!(uris, [ONE, TWO]);

    client.call("touch", json!({ "uri": ONE })).await;
    for (events, id) in [(&mut first, &first_id), (&mut second, &second_id)] {
        assert_eq!(expect(events, id, "notifications/resources/updated").await["uri"], ONE);
    }
    client.call("touch", json!({ "uri": TWO })).await;
    assert_eq!(expect(&mut second, &second_id, "notifications/resources/updated").await["uri"], TWO);

    // As long as one listens, the server goes on to tell.
    drop(second);
    let left = until_seen(&client, "resources/unsubscribe", 1).await;
    assert_eq!(left[0]["params"]["uri"], TWO);
    client.call("touch", json!({ "uri": ONE })).await;
    assert_eq!(expect(&mut first, &first_id, "notifications/resources/updated").await["uri"], ONE);
    drop(first);
    let left = until_seen(&client, "resources/unsubscribe", 2).await;
    assert_eq!(left[1]["params"]["uri"], ONE);
    assert_eq!(client.call("touch", json!({ "uri": ONE })).await, "nobody wants to know");
    // And again from the start.
    let (mut again, id, _) = client.listen(of(&[ONE])).await;
    until_seen(&client, "resources/subscribe", 3).await;
    client.call("touch", json!({ "uri": ONE })).await;
    assert_eq!(expect(&mut again, &id, "notifications/resources/updated").await["uri"], ONE);
}

#[tokio::test]
async fn a_modern_server_hears_that_nobody_listens_any_more() {
    let (_node, client) = asker("modern");
    let (mut events, id, agreed) = client.listen(json!({ "resourceSubscriptions": [ONE] })).await;
    assert_eq!(agreed, json!({ "resourceSubscriptions": [ONE] }));
    assert_eq!(client.call("touch", json!({ "uri": ONE })).await, "told");
    expect(&mut events, &id, "notifications/resources/updated").await;
    drop(events);
    until_seen(&client, "notifications/cancelled", 1).await;
    assert_eq!(client.call("touch", json!({ "uri": ONE })).await, "nobody wants to know");
}

/// What the server cannot do it is not asked for, and the client is told so.
#[tokio::test]
async fn only_what_the_server_can_do_is_agreed_on() {
    let node = Node::of("counter", &["--era", "legacy"]);
    let client = Modern::at(node.endpoint());
    let all = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": [ONE]
    });
    let (mut events, id, agreed) = client.listen(all).await;
    for member in ["promptsListChanged", "resourcesListChanged", "resourceSubscriptions"] {
        let value = &agreed[member];
        assert!(value.is_null() || *value == json!(false) || *value == json!([]), "{member}: {agreed}");
    }
    // It listens nonetheless, to the end.
    node.admin().stop(node.admin().only_session().await["name"].as_str().unwrap()).await;
    let end = events.message().await;
    assert_eq!((&end["id"], &end["result"]["resultType"]), (&id, &json!("complete")), "{end}");
}

#[tokio::test]
async fn a_session_that_is_stopped_says_goodbye() {
    for era in ["legacy", "modern"] {
        let (node, client) = asker(era);
        let filter = json!({ "toolsListChanged": true });
        let (mut first, first_id, _) = client.listen(filter.clone()).await;
        let (mut second, second_id, _) = client.listen(filter).await;
        node.admin().stop(node.admin().only_session().await["name"].as_str().unwrap()).await;
        for (events, id) in [(&mut first, first_id), (&mut second, second_id)] {
            let end = events.message().await;
            assert_eq!((&end["id"], &end["result"]["resultType"]), (&id, &json!("complete")), "{era}: {end}");
            assert_eq!(end["result"]["_meta"][META_SUBSCRIPTION], id, "{era}: {end}");
            assert!(events.next().await.is_none(), "{era}: nothing follows");
        }
        node.admin().all_ended().await;
    }
}

/// An open stream alone does not keep a session alive (invariant 5).
#[tokio::test]
async fn who_only_listens_does_not_keep_a_session() {
    let node = Node::configured("asker", &["--era", "legacy"], "limits.idle_timeout = \"300ms\"");
    let client = Modern::at(node.endpoint());
    let (mut events, id, _) = client.listen(json!({ "toolsListChanged": true })).await;
    let end = events.message().await;
    assert_eq!((&end["id"], &end["result"]["resultType"]), (&id, &json!("complete")), "{end}");
    assert_eq!(node.admin().end_of_only_session().await["reason"], "idle_timeout");
}

/// What belongs to a request comes with its answer, never on a stream of changes, and the other way about.
#[tokio::test]
async fn each_stream_has_its_own() {
    let (_node, client) = asker("legacy");
    let (mut events, id, _) = client.listen(json!({ "toolsListChanged": true })).await;
    let calling = client.clone().meta("progressToken", json!("p"));
    let mut answer = calling.begin("ask", json!({ "rounds": [], "linger_ms": 100 })).await.events();
    client.call("grow", json!({})).await;
    expect(&mut events, &id, "notifications/tools/list_changed").await;
    let messages: Vec<_> = answer.rest().await.into_iter().map(|(_, message)| message["method"].clone()).collect();
    assert_eq!(messages, [json!("notifications/progress"), json!(null)]);
    client.call("grow", json!({})).await;
    expect(&mut events, &id, "notifications/tools/list_changed").await;
}

#[tokio::test]
async fn a_filter_must_be_one() {
    let (node, client) = asker("legacy");
    for params in [json!({}), json!({ "notifications": 1 }), json!({ "notifications": ["toolsListChanged"] })] {
        let answer = client.answer_to("subscriptions/listen", params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
    }
    // Nothing at all may be asked for.
    let (events, _, agreed) = client.listen(json!({})).await;
    assert_eq!(agreed, json!({}));
    drop(events);
    // To be told of tasks, a client must know what they are.
    let ask = client.request("subscriptions/listen", json!({ "notifications": { "taskIds": ["x"] } }));
    node.endpoint().send(ask).await.expect_error(400, -32021).await;
}

/// The number of streams is bounded, and a place that becomes free can be had.
#[tokio::test]
async fn there_are_so_many_streams_and_no_more() {
    let node = Node::configured("asker", &["--era", "legacy"], "limits.get_streams = 2");
    let client = Modern::at(node.endpoint());
    let filter = || json!({ "toolsListChanged": true });
    let (first, ..) = client.listen(filter()).await;
    let (_second, ..) = client.listen(filter()).await;
    let reply =
        node.endpoint().send(client.request("subscriptions/listen", json!({ "notifications": filter() }))).await;
    let error: Value = serde_json::from_str(&reply.text().await).unwrap();
    assert_eq!(error["error"]["code"], -32003, "{error}");
    drop(first);
    until("there is room again", PATIENCE, async || {
        let ask = client.request("subscriptions/listen", json!({ "notifications": filter() }));
        node.endpoint().send(ask).await.is_events().then_some(())
    })
    .await;
    assert_eq!(client.call("opened", json!({})).await, "legacy 2025-11-25", "calls have places of their own");
}
