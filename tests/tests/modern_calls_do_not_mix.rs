//! Two hundred calls at once over one session, with ids and progress tokens that collide: each gets its own answer, and its
//! own progress.

use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::{Modern, Node};

const CALLS: usize = 200;
/// Ids that clients of one session choose at the same time.
const IDS: [&str; 4] = ["1", "\"1\"", "0", "\"call\""];

async fn call(client: &Modern, number: usize) {
    let (id, token): (Value, Value) = (
        serde_json::from_str(IDS[number % IDS.len()]).unwrap(),
        serde_json::from_str(IDS[(number / IDS.len()) % IDS.len()]).unwrap(),
    );
    let params = json!({
        "name": "ask", "arguments": { "label": number, "linger_ms": number % 7 * 5 },
        "_meta": { "progressToken": token }
    });
    let ask = client.post(&client.message(&id, "tools/call", params));
    let mut messages: Vec<_> =
        client.endpoint.send(ask).await.events().rest().await.into_iter().map(|(_, message)| message).collect();
    let answer = messages.pop().unwrap();
    assert_eq!(answer["id"], id, "{answer}");
    let outcome: Value = serde_json::from_str(&text_of(&answer["result"])).unwrap();
    assert_eq!(outcome["label"], number, "an answer to another call: {answer}");
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["params"]["progressToken"], token, "{messages:?}");
}

async fn all_at_once(era: &str) {
    let keys = format!("limits.in_flight = {CALLS}");
    let node = Node::configured("asker", &["--era", era], &keys);
    let client = Modern::at(node.endpoint());
    futures_util::future::join_all((0..CALLS).map(|number| call(&client, number))).await;
    assert_eq!(node.admin().sessions().await.len(), 1);
    node.admin().in_flight(0).await;
    let calls: Vec<Value> =
        serde_json::from_str(&client.call("seen", json!({ "method": "tools/call" })).await).unwrap();
    assert_eq!(calls.len(), CALLS + 1, "each call came once");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_legacy_server() {
    all_at_once("legacy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_modern_server() {
    all_at_once("modern").await;
}
