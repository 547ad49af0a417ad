//! What a server asks or tells its client in the middle of a call, or outside of any, arrives, and so does the answer.

use http::StatusCode;
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Events, Node, Script};

/// A client that can do everything that a server may ask.
async fn able_client(node: &Node) -> Client {
    let able = json!({
        "elicitation": { "form": {}, "url": {} },
        "sampling": { "tools": {} },
        "roots": { "listChanged": true }
    });
    Client::at(node.endpoint()).capabilities(able).open().await
}

/// Calls a tool that asks one thing, answers it, and returns the question and the text of the tool's result.
async fn call_and_answer(client: &mut Client, tool: &str, arguments: Value, answer: Value) -> (Value, String) {
    let mut events = client.begin(tool, arguments).await.events();
    let question = events.message().await;
    assert!(question["id"].is_string() || question["id"].is_number(), "{question}");
    client.answer(&question, answer).await;
    let result = events.message().await;
    assert!(events.next().await.is_none(), "the stream ends with the answer");
    (question, text_of(&result["result"]))
}

#[tokio::test]
async fn the_user_is_asked_with_a_form() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    let (question, text) = call_and_answer(&mut client, "ask_name", json!({}), answer).await;
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["requestedSchema"]["required"], json!(["name"]));
    assert_eq!(text, "Hello, Ada!");
    let (_, text) = call_and_answer(&mut client, "ask_name", json!({}), json!({ "action": "decline" })).await;
    assert_eq!(text, "no name: decline");
}

#[tokio::test]
async fn the_user_is_asked_to_open_a_page() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let page = json!({ "url": "https://example.com/consent" });
    let (question, text) = call_and_answer(&mut client, "ask_url", page, json!({ "action": "accept" })).await;
    assert_eq!(question["params"]["mode"], "url");
    assert_eq!(question["params"]["url"], "https://example.com/consent");
    assert_eq!(text, "page: accept");
}

#[tokio::test]
async fn the_clients_model_is_asked_with_and_without_tools() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let said = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "Paris" } });
    let prompt = json!({ "prompt": "the capital of France?" });
    let (question, text) = call_and_answer(&mut client, "test_sampling", prompt, said).await;
    assert_eq!(question["method"], "sampling/createMessage");
    assert_eq!(question["params"]["messages"][0]["content"]["text"], "the capital of France?");
    assert_eq!(text, "LLM response: Paris");

    let used = json!({ "role": "assistant", "model": "m", "stopReason": "toolUse",
        "content": [{ "type": "tool_use", "id": "u1", "name": "weather", "input": { "city": "Paris" } }] });
    let prompt = json!({ "prompt": "how is the weather?", "tools": true });
    let (question, text) = call_and_answer(&mut client, "sample", prompt, used).await;
    assert_eq!(question["params"]["tools"][0]["name"], "weather");
    assert!(text.contains("tool_use") && text.contains("Paris"), "{text}");
}

#[tokio::test]
async fn the_clients_roots_are_listed() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let roots = json!({ "roots": [{ "uri": "file:///home/ada" }, { "uri": "file:///srv", "name": "srv" }] });
    let (question, text) = call_and_answer(&mut client, "list_roots", json!({}), roots).await;
    assert_eq!(question["method"], "roots/list");
    assert_eq!(text, "file:///home/ada\nfile:///srv");
}

#[tokio::test]
async fn an_error_of_the_client_reaches_the_server() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let mut events = client.begin("list_roots", json!({})).await.events();
    let question = events.message().await;
    let refusal =
        json!({ "jsonrpc": "2.0", "id": question["id"], "error": { "code": -32603, "message": "no roots today" } });
    assert_eq!(client.post(refusal.to_string()).await.status, StatusCode::ACCEPTED);
    let text = text_of(&events.message().await["result"]);
    assert!(text.contains("no roots today"), "{text}");
    // A second answer, and one to a question that nobody asked, change nothing.
    client.answer(&question, json!({ "roots": [] })).await;
    client.answer(&json!({ "id": "nobody-asked" }), json!({})).await;
    assert_eq!(client.call("add", json!({ "a": 1, "b": 1 })).await, "2");
}

#[tokio::test]
async fn log_messages_come_from_the_level_that_was_set() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    client.result_of("logging/setLevel", json!({ "level": "error" })).await;
    let quiet = client.begin("log", json!({ "level": "info", "message": "unheard" })).await;
    assert_eq!(text_of(&quiet.json().await["result"]), "below the client's level");
    let mut events = client.begin("log", json!({ "level": "critical", "message": "heard" })).await.events();
    let message = events.message().await;
    assert_eq!((&message["params"]["level"], &message["params"]["data"]), (&json!("critical"), &json!("heard")));
    assert_eq!(text_of(&events.message().await["result"]), "sent");
}

#[tokio::test]
async fn a_cancelled_call_ends_and_the_server_is_told() {
    let node = Node::of("everything", &[]);
    let client = able_client(&node).await;
    let call = json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call",
        "params": { "name": "slow", "arguments": { "seconds": 600 } } });
    let waiting = tokio::spawn({
        let (client, call) = (client.clone(), call.to_string());
        async move { client.post(call).await.json().await }
    });
    node.admin().in_flight(1).await;
    let mut other = client.clone();
    other.notify("notifications/cancelled", json!({ "requestId": "long", "reason": "changed my mind" })).await;
    let answer = waiting.await.unwrap();
    assert_eq!((&answer["id"], answer["error"]["code"].is_i64()), (&json!("long"), true), "{answer}");
    node.admin().in_flight(0).await;
    until("the server has noticed", PATIENCE, async || node.log().contains("slow: cancelled").then_some(())).await;
    assert_eq!(other.call("add", json!({ "a": 1, "b": 1 })).await, "2");
}

async fn next_of(events: &mut Events, method: &str) -> Value {
    loop {
        let message = events.message().await;
        if message["method"] == method {
            return message;
        }
    }
}

#[tokio::test]
async fn what_belongs_to_no_call_comes_on_the_listening_stream() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let mut listening = client.listen().await;
    let watched = json!({ "uri": "test://watched-resource" });
    client.result_of("resources/subscribe", watched.clone()).await;
    let reply = client.begin("touch_resource", watched.clone()).await;
    assert!(!reply.is_events(), "the call has its answer to itself");
    assert_eq!(text_of(&reply.json().await["result"]), "told 1 about test://watched-resource");
    let update = next_of(&mut listening, "notifications/resources/updated").await;
    assert_eq!(update["params"]["uri"], "test://watched-resource");
    client.result_of("resources/unsubscribe", watched.clone()).await;
    assert_eq!(client.call("touch_resource", watched).await, "told 0 about test://watched-resource");

    assert_eq!(client.call("grow", json!({})).await, "grown_1");
    next_of(&mut listening, "notifications/tools/list_changed").await;
    let tools = client.result_of("tools/list", json!({})).await;
    assert!(tools["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "grown_1"));
    client.call("test_trigger_prompt_change", json!({})).await;
    next_of(&mut listening, "notifications/prompts/list_changed").await;
}

/// Each message goes to one stream (2025-11-25, "Multiple Connections").
#[tokio::test]
async fn of_several_listening_streams_one_gets_a_message() {
    let node = Node::of("everything", &[]);
    let mut client = able_client(&node).await;
    let (mut one, mut two) = (client.listen().await, client.listen().await);
    for _ in 0..3 {
        client.call("grow", json!({})).await;
    }
    client.delete().await;
    let mut methods: Vec<_> = one.rest().await;
    methods.extend(two.rest().await);
    let changes = methods.iter().filter(|(_, message)| message["method"] == "notifications/tools/list_changed");
    assert_eq!(changes.count(), 3, "{methods:?}");
}

#[tokio::test]
async fn arguments_are_completed_and_lists_are_paged() {
    let node = Node::of("everything", &["--page", "4"]);
    let mut client = able_client(&node).await;
    let params = json!({ "ref": { "type": "ref/prompt", "name": "test_prompt_with_arguments" },
        "argument": { "name": "arg1", "value": "par" } });
    let completion = client.result_of("completion/complete", params).await;
    assert_eq!(completion["completion"]["values"], json!(["paris", "park", "party"]));

    let (mut names, mut cursor) = (Vec::new(), json!({}));
    loop {
        let page = client.result_of("tools/list", cursor).await;
        let tools = page["tools"].as_array().unwrap();
        assert!(tools.len() <= 4);
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = json!({ "cursor": next }),
            None => break,
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert!(count > 8 && names.len() == count, "{names:?}");
    let wrong = client.answer_to("tools/list", json!({ "cursor": "made up" })).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

#[tokio::test]
async fn either_side_can_ping_the_other() {
    let ask = r#"{"jsonrpc":"2.0","id":"are-you-there","method":"ping"}"#;
    let script = Script::new()
        .answer(r#""method":"ping""#, r#"{"jsonrpc":"2.0","id":ID,"result":{}}"#)
        .on(r#""method":"tools/call""#, &format!("call=$id; say '{ask}'"))
        .on(
            r#""id":"are-you-there""#,
            r#"say '{"jsonrpc":"2.0","id":'"$call"',"result":{"content":[{"type":"text","text":"it is there"}]}}'"#,
        );
    let node = Node::scripted(&script, "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.result_of("ping", json!({})).await, json!({}));
    let (question, text) = call_and_answer(&mut client, "any", json!({}), json!({})).await;
    assert_eq!((&question["method"], text.as_str()), (&json!("ping"), "it is there"));
}
