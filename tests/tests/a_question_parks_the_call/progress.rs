//! Progress of a call that is parked and goes on.

use crate::{asker, one_question, seen};
use serde_json::{Value, json};
use sessile_tests::modern::{Parked, accept, form};
use sessile_tests::{Events, Modern};

async fn begin(client: &Modern, params: &Value, token: &str) -> Events {
    let mut params = params.clone();
    params["_meta"] = json!({ "progressToken": token });
    client.send("tools/call", params).await.events()
}

/// The progress on a stream, each with its token, and the answer at its end.
async fn follow(mut events: Events) -> (Vec<(f64, String)>, Value) {
    let mut messages: Vec<_> = events.rest().await.into_iter().map(|(_, message)| message).collect();
    let answer = messages.pop().expect("a stream of a request holds its answer");
    let steps = messages.iter().map(|message| {
        assert_eq!(message["method"], "notifications/progress", "{message}");
        let token = message["params"]["progressToken"].as_str().unwrap_or_default().to_owned();
        (message["params"]["progress"].as_f64().unwrap(), token)
    });
    (steps.collect(), answer)
}

#[tokio::test]
async fn each_stream_has_the_progress_of_its_time() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let question = |text: &str| json!([form(text, "name", "string")]);
    let params = json!({ "name": "ask", "arguments": { "rounds": [question("First?"), question("Second?")] } });
    let (steps, answer) = follow(begin(&client, &params, "one").await).await;
    assert_eq!(steps, [(1.0, "one".to_owned())]);
    let first = Parked::of("tools/call", &params, &answer["result"]);

    let answers = first.all(&accept(json!({ "name": "Ada" })));
    let (steps, answer) = follow(begin(&client, &first.retried(&answers), "two").await).await;
    assert_eq!(steps, [(2.0, "two".to_owned())], "by the token of the retry");
    let second = Parked::of("tools/call", &params, &answer["result"]);

    // A retry that wants no progress gets none.
    let reply = client.begin_retry(&second, &second.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(!reply.is_events(), "nothing comes but the answer");
    assert_eq!(reply.json().await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn the_newest_of_the_time_in_between_comes_first() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let params = json!({ "name": "ask", "arguments": one_question("x") });
    let (_, answer) = follow(begin(&client, &params, "one").await).await;
    let parked = Parked::of("tools/call", &params, &answer["result"]);

    // The server says more while nobody listens, by the token that it knows.
    let calls = seen(&client, "tools/call").await;
    let asked = calls.iter().find(|call| call["params"]["name"] == "ask").unwrap();
    let token = &asked["params"]["_meta"]["progressToken"];
    assert!(!token.is_null(), "{asked}");
    let report = |progress: f64| {
        json!({ "jsonrpc": "2.0", "method": "notifications/progress",
            "params": { "progressToken": token, "progress": progress, "message": "meanwhile" } })
    };
    client.call("say", json!({ "messages": [report(1.25), report(1.5), report(1.75)] })).await;

    let answers = parked.all(&accept(json!({ "name": "Ada" })));
    let (steps, answer) = follow(begin(&client, &parked.retried(&answers), "two").await).await;
    assert_eq!(steps, [(1.75, "two".to_owned()), (2.0, "two".to_owned())]);
    assert_eq!(answer["result"]["resultType"], "complete");
}

/// A modern stream begins and ends with its request, and cannot be resumed.
#[tokio::test]
async fn a_stream_has_no_event_ids_to_come_back_with() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let params = json!({ "name": "ask", "arguments": { "rounds": [] } });
    let mut events = begin(&client, &params, "one").await;
    let ids: Vec<_> = events.rest().await.into_iter().map(|(id, _)| id).collect();
    assert!(ids.len() >= 2 && ids.iter().all(String::is_empty), "{ids:?}");
    assert_eq!(events.last_event_id(), "");
}
