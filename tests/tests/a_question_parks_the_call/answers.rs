//! Answers that are missing, do not fit, or were not asked for.

use crate::{answers_in, asker, key_of, one_question, runs, seen};
use serde_json::{Value, json};
use sessile_tests::modern::{accept, form};
use sessile_tests::{Modern, Parked};

#[tokio::test]
async fn what_is_missing_is_asked_again_and_nothing_else() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let questions = ["a", "b", "c"].map(|field| form(field, field, "string"));
    let first = client.park("ask", json!({ "rounds": [questions] })).await;
    let given = json!({ (key_of(&first, "b")): accept(json!({ "b": "2" })) });
    let second = client.ask_on(&first, &given).await;
    assert_eq!(second.requests.len(), 2, "{:?}", second.requests);
    assert_eq!(second.requests[&key_of(&first, "a")], first.requests[&key_of(&first, "a")], "under the same key");
    // None at all.
    let third = client.ask_on(&second, &json!({})).await;
    assert_eq!(third.requests, second.requests);
    let rest = json!({
        (key_of(&third, "a")): accept(json!({ "a": "1" })), (key_of(&third, "c")): { "action": "cancel" }
    });
    let text = client.finish(&third, &rest).await;
    assert_eq!(
        answers_in(&text),
        [accept(json!({ "a": "1" })), accept(json!({ "b": "2" })), json!({ "action": "cancel" })]
    );
    assert_eq!(runs(&client).await, 1);
}

#[tokio::test]
async fn a_retry_without_the_member_at_all_asks_again() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    let mut params = parked.params.clone();
    params["requestState"] = json!(parked.state);
    let again = client.result_of("tools/call", params).await;
    let again = Parked::of("tools/call", &parked.params, &again);
    assert_eq!(again.requests, parked.requests);
    let text = client.finish(&again, &again.all(&accept(json!({ "name": "Ada" })))).await;
    assert_eq!(answers_in(&text), [accept(json!({ "name": "Ada" }))]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_again() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let mut parked = client.park("ask", json!({ "rounds": [[form("How many?", "count", "integer")]] })).await;
    let misfits = [
        json!(7),
        json!("text"),
        json!(null),
        json!([]),
        json!({}),
        json!({ "action": "perhaps" }),
        json!({ "action": 1 }),
        json!({ "action": "accept" }),
        accept(json!({ "count": "many" })),
        accept(json!({ "count": 1.5 })),
        accept(json!({ "other": 1 })),
        accept(json!([1])),
    ];
    for misfit in misfits {
        let key = parked.only_key();
        let again = client.ask_on(&parked, &parked.all(&misfit)).await;
        assert_eq!(again.only_key(), key, "after {misfit}");
        assert_ne!(again.state, parked.state, "a state is good for one retry");
        parked = again;
    }
    assert_eq!(seen(&client, "tools/call").await.len(), 2, "the call and this look at the record");
    let text = client.finish(&parked, &parked.all(&accept(json!({ "count": 3 })))).await;
    assert_eq!(answers_in(&text), [accept(json!({ "count": 3 }))]);
}

#[tokio::test]
async fn models_and_roots_that_do_not_fit_are_asked_again() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let sampling = json!({ "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } });
    for (question, misfits, fitting) in [
        (
            sampling,
            vec![json!({}), json!({ "role": "assistant" }), json!({ "content": 1 })],
            json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "x" } }),
        ),
        (
            json!({ "method": "roots/list" }),
            vec![json!({}), json!({ "roots": 1 }), json!({ "roots": [1] })],
            json!({ "roots": [] }),
        ),
    ] {
        let mut parked = client.park("ask", json!({ "rounds": [[question]] })).await;
        for misfit in misfits {
            parked = client.ask_on(&parked, &parked.all(&misfit)).await;
        }
        assert_eq!(answers_in(&client.finish(&parked, &parked.all(&fitting)).await), [fitting]);
    }
}

#[tokio::test]
async fn what_was_not_asked_is_ignored() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", one_question("x")).await;
    let mut answers = parked.all(&accept(json!({ "name": "Ada" })));
    for key in ["nobody-asked", "", "ask-1", "__proto__"] {
        answers[key] = accept(json!({ "name": "Eve" }));
    }
    let text = client.finish(&parked, &answers).await;
    assert_eq!(answers_in(&text), [accept(json!({ "name": "Ada" }))]);
    let record: Vec<Value> = serde_json::from_str(&client.call("seen", json!({})).await).unwrap();
    assert!(!record.iter().any(|message| message.to_string().contains("Eve")), "{record:?}");
}

/// Two retries with the same state at once: one goes on, the other is refused, and the server hears one answer.
#[tokio::test]
async fn of_two_retries_one_counts() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    for _ in 0..10 {
        let parked = client.park("ask", one_question("x")).await;
        let retry = async |name: &str| client.retry(&parked, &parked.all(&accept(json!({ "name": name })))).await;
        let (one, other) = tokio::join!(retry("Ada"), retry("Bob"));
        let (done, refused) = if one["result"].is_object() { (one, other) } else { (other, one) };
        assert_eq!(done["result"]["resultType"], "complete", "{done}");
        assert_eq!(refused["error"]["data"]["reason"], "request_state_invalid", "{refused}");
    }
    assert_eq!(runs(&client).await, 10);
}
