//! Many parked calls at once.

use crate::{answers_in, asker, one_question, runs};
use serde_json::{Value, json};
use sessile_tests::modern::accept;
use sessile_tests::{Modern, Parked};

/// How many calls wait for their clients at one time.
const CALLS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn each_call_gets_its_own_answer() {
    let node = asker("limits.in_flight = 200");
    let client = Modern::able(node.endpoint());
    let mut parked = Vec::new();
    for number in 0..CALLS {
        parked.push(client.park("ask", one_question(&number.to_string())).await);
    }
    assert_eq!(node.admin().only_session().await["parked"], CALLS);
    // Answered all at once, the newest first.
    let retries = parked.iter().enumerate().rev().map(|(number, parked)| {
        let answers = parked.all(&accept(json!({ "name": number.to_string() })));
        let client = client.clone();
        async move { (number, client.finish(parked, &answers).await) }
    });
    for (number, text) in futures_util::future::join_all(retries).await {
        let outcome: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(outcome["label"], number.to_string());
        assert_eq!(outcome["answers"], json!([accept(json!({ "name": number.to_string() }))]));
    }
    assert_eq!(runs(&client).await, CALLS);
    node.admin().in_flight(0).await;
}

/// A server that is given one call at a time never has its questions taken for those of another call.
#[tokio::test(flavor = "multi_thread")]
async fn one_call_at_a_time_where_that_is_wanted() {
    let node = asker("serialize = true");
    let client = Modern::able(node.endpoint());
    let calls = (0..12).map(|number| {
        let client = client.clone();
        async move {
            let parked = client.park("ask", one_question(&number.to_string())).await;
            let text = client.finish(&parked, &parked.all(&accept(json!({ "name": number.to_string() })))).await;
            assert_eq!(answers_in(&text), [accept(json!({ "name": number.to_string() }))]);
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(runs(&client).await, 12);
}

/// Whoever parks one call after the other comes to a bound, and is not shut out for ever.
#[tokio::test]
async fn parked_calls_are_bounded() {
    const IN_FLIGHT: usize = 3;
    let node = asker(&format!("limits.in_flight = {IN_FLIGHT}"));
    let client = Modern::able(node.endpoint());
    let call = json!({ "name": "ask", "arguments": one_question("x") });
    let mut parked = Vec::new();
    let refused = loop {
        let reply = node.endpoint().send(client.request("tools/call", call.clone())).await;
        if reply.status != 200 {
            break reply;
        }
        parked.push(Parked::of("tools/call", &call, &reply.json().await["result"]));
        assert!(parked.len() <= 2 * IN_FLIGHT, "there is no bound");
    };
    assert!(parked.len() >= IN_FLIGHT, "{}", parked.len());
    assert!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
    refused.expect_error(429, -32003).await;
    // A retry is not a new call.
    let first = &parked[0];
    client.finish(first, &first.all(&accept(json!({ "name": "Ada" })))).await;
    client.park("ask", one_question("x")).await;
}
