//! What a modern server asks in results is asked on the stream of the call.

use crate::{able, modern, seen};
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{accept, form};
use sessile_tests::{Client, Events};

/// Begins to call `ask`.
async fn begin(client: &mut Client, rounds: Value) -> Events {
    client.begin("ask", json!({ "label": "x", "rounds": rounds })).await.events()
}

fn answers_in(message: &Value) -> Value {
    let outcome: Value = serde_json::from_str(&text_of(&message["result"])).unwrap_or_else(|_| panic!("{message}"));
    outcome["answers"].clone()
}

/// The next message, a question of the server.
async fn question(events: &mut Events, method: &str) -> Value {
    let message = events.message().await;
    assert_eq!(message["method"], method, "{message}");
    assert!(message["id"].is_string() || message["id"].is_number(), "{message}");
    message
}

#[tokio::test]
async fn the_user_the_model_and_the_roots() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let sampling = json!({ "method": "sampling/createMessage", "params": {
        "messages": [{ "role": "user", "content": { "type": "text", "text": "Paris?" } }], "maxTokens": 10
    }});
    let said = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "yes" } });
    let roots = json!({ "roots": [{ "uri": "file:///home/ada" }] });
    let ada = accept(json!({ "name": "Ada" }));
    let mut events =
        begin(&mut client, json!([[form("Who?", "name", "string")], [sampling], [{ "method": "roots/list" }]])).await;
    let asked = question(&mut events, "elicitation/create").await;
    assert_eq!(asked["params"]["requestedSchema"]["required"], json!(["name"]));
    client.answer(&asked, ada.clone()).await;
    let asked = question(&mut events, "sampling/createMessage").await;
    assert_eq!(asked["params"]["messages"][0]["content"]["text"], "Paris?");
    client.answer(&asked, said.clone()).await;
    let asked = question(&mut events, "roots/list").await;
    client.answer(&asked, roots.clone()).await;
    let answer = events.message().await;
    assert_eq!(answers_in(&answer), json!([ada, said, roots]));
    assert!(events.next().await.is_none(), "the stream ends with the answer");

    // The server saw a call and its retries, each with its own id, and its own state.
    let calls: Vec<_> = seen(&mut client, "tools/call").await;
    let asks: Vec<_> = calls.iter().filter(|call| call["params"]["name"] == "ask").collect();
    assert_eq!(asks.len(), 4, "{asks:?}");
    assert!(asks[0]["params"].get("requestState").is_none());
    for (retry, round) in asks[1..].iter().zip(0..) {
        let state: Value = serde_json::from_str(retry["params"]["requestState"].as_str().unwrap()).unwrap();
        assert_eq!(state["round"], round, "as it was given");
        assert_eq!(retry["params"]["arguments"], asks[0]["params"]["arguments"]);
    }
    let mut ids: Vec<_> = asks.iter().map(|call| call["id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn several_at_once_in_any_order() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let names = ["a", "b", "c"];
    let mut events = begin(&mut client, json!([names.map(|name| form(name, name, "string")).to_vec()])).await;
    let mut asked = Vec::new();
    for _ in names {
        asked.push(question(&mut events, "elicitation/create").await);
    }
    for question in asked.iter().rev() {
        let name = question["params"]["message"].as_str().unwrap();
        client.answer(question, accept(json!({ name: name.to_uppercase() }))).await;
    }
    let expected: Vec<_> = names.iter().map(|name| accept(json!({ *name: name.to_uppercase() }))).collect();
    assert_eq!(answers_in(&events.message().await), json!(expected));
}

/// Two clients of one principal, and two calls of each: nobody is asked for another.
#[tokio::test]
async fn each_is_asked_on_its_own_stream() {
    let node = modern("asker");
    let mut calls = Vec::new();
    for number in 0..6 {
        let mut client = able(&node).await;
        for part in ["a", "b"] {
            let text = format!("{number}{part}");
            let events = begin(&mut client, json!([[form(&text, "name", "string")]])).await;
            calls.push((client.clone(), text, events));
        }
    }
    for (client, text, events) in calls.iter_mut().rev() {
        let asked = question(events, "elicitation/create").await;
        assert_eq!(asked["params"]["message"], json!(text));
        client.answer(&asked, accept(json!({ "name": text }))).await;
    }
    for (_, text, mut events) in calls {
        assert_eq!(answers_in(&events.message().await), json!([accept(json!({ "name": text }))]));
    }
}

/// A server cannot be told that its question has failed; its call is over, and says why.
#[tokio::test]
async fn an_error_of_the_client_ends_the_call() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let mut events = begin(&mut client, json!([[{ "method": "roots/list" }]])).await;
    let asked = question(&mut events, "roots/list").await;
    let refusal =
        json!({ "jsonrpc": "2.0", "id": asked["id"], "error": { "code": -32603, "message": "no roots today" } });
    client.post(refusal.to_string()).await.bytes().await;
    let answer = events.message().await;
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("no roots today")), "{answer}");
    assert!(events.next().await.is_none());
    assert_eq!(client.call("opened", json!({})).await, "modern 2026-07-28");
}

/// Who has not said that it can be asked is not.
#[tokio::test]
async fn a_client_is_asked_only_what_it_can_answer() {
    let node = modern("asker");
    let mut client = Client::open(node.endpoint()).await;
    let answer = client
        .answer_to("tools/call", json!({ "name": "ask", "arguments": { "rounds": [[form("?", "a", "string")]] } }))
        .await;
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    // A server on the official SDK knows beforehand, and says so in its own words.
    let node = modern("everything");
    let mut client = Client::open(node.endpoint()).await;
    let text = client.call("ask_name", json!({})).await;
    assert!(text.contains("did not declare"), "{text}");
}

/// A server that only ever asks is given up.
#[tokio::test]
async fn rounds_are_bounded() {
    let node = modern("asker");
    let mut client = able(&node).await;
    let rounds: Vec<Value> = (0..40).map(|_| json!([form("Again?", "name", "string")])).collect();
    let mut events = begin(&mut client, json!(rounds)).await;
    let mut asked = 0;
    let answer = loop {
        let message = events.message().await;
        if message.get("method").is_none() {
            break message;
        }
        asked += 1;
        client.answer(&message, accept(json!({ "name": "Ada" }))).await;
    };
    assert_eq!(asked, 16);
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    assert_eq!(client.call("opened", json!({})).await, "modern 2026-07-28");
}

#[tokio::test]
async fn prompts_and_resources_may_ask_too() {
    let node = modern("everything");
    let mut client = able(&node).await;
    let ada = accept(json!({ "name": "Ada" }));
    let mut events = client.ask("resources/read", json!({ "uri": "test://asking" })).await.events();
    let asked = question(&mut events, "elicitation/create").await;
    client.answer(&asked, ada.clone()).await;
    assert_eq!(events.message().await["result"]["contents"][0]["text"], "a letter to Ada");
    let mut events = client.ask("prompts/get", json!({ "name": "asking" })).await.events();
    let asked = question(&mut events, "elicitation/create").await;
    client.answer(&asked, ada).await;
    assert!(events.message().await["result"]["messages"].to_string().contains("Ada"));
}
