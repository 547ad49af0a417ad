//! A legacy server asks in the middle of a call. To a modern client the call ends with the questions, and goes on where it
//! stood when the client comes back with the answers.

mod answers;
mod crowd;
mod ends;
mod progress;

use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{accept, form};
use sessile_tests::{Modern, Node, Parked};

/// A node with a legacy server that asks what it is told to ask.
fn asker(keys: &str) -> Node {
    Node::configured("asker", &["--era", "legacy"], keys)
}

/// What the server has been sent with this method, or without one.
async fn seen(client: &Modern, method: &str) -> Vec<Value> {
    serde_json::from_str(&client.call("seen", json!({ "method": method })).await).unwrap()
}

/// How often the server was told to run the tool `ask`.
async fn runs(client: &Modern) -> usize {
    seen(client, "tools/call").await.iter().filter(|call| call["params"]["name"] == "ask").count()
}

/// Arguments that make the server ask one thing.
fn one_question(label: &str) -> Value {
    json!({ "label": label, "rounds": [[form("Who?", "name", "string")]] })
}

/// The answers that a tool returned.
fn answers_in(text: &str) -> Vec<Value> {
    let outcome: Value = serde_json::from_str(text).unwrap();
    outcome["answers"].as_array().unwrap().clone()
}

/// The key of the question with this text.
fn key_of(parked: &Parked, message: &str) -> String {
    let found = parked.requests.iter().find(|(_, request)| request["params"]["message"] == message);
    found.unwrap_or_else(|| panic!("{message:?} is not asked: {:?}", parked.requests)).0.clone()
}

#[tokio::test]
async fn three_questions_over_three_connections() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let (name, colour, sure) =
        (form("Name?", "name", "string"), form("Colour?", "colour", "string"), form("Sure?", "sure", "boolean"));
    let arguments = json!({ "label": "survey", "rounds": [[name, colour], [sure]] });
    let first = client.park("ask", arguments).await;
    assert_eq!(first.requests.len(), 2, "questions put together are asked together: {:?}", first.requests);
    let (name, colour) = (key_of(&first, "Name?"), key_of(&first, "Colour?"));
    assert_eq!(first.requests[&name]["method"], "elicitation/create");
    assert_eq!(first.requests[&name]["params"]["requestedSchema"]["required"], json!(["name"]));
    assert_eq!(node.admin().only_session().await["parked"], 1);

    let answers = json!({ (name): accept(json!({ "name": "Ada" })), (colour): accept(json!({ "colour": "red" })) });
    let second = client.ask_on(&first, &answers).await;
    assert_ne!(second.state, first.state);
    let sure = second.only_key();
    assert_eq!(second.requests[&sure]["params"]["message"], "Sure?");

    node.reopen_listener().await;

    let text = client.finish(&second, &json!({ (sure): accept(json!({ "sure": true })) })).await;
    let expected = [json!({ "name": "Ada" }), json!({ "colour": "red" }), json!({ "sure": true })].map(accept);
    assert_eq!(answers_in(&text), expected);
    assert_eq!(runs(&client).await, 1, "the server ran the tool once");
    let session = node.admin().only_session().await;
    assert_eq!((&session["parked"], &session["in_flight"]), (&json!(0), &json!(0)));
}

/// The same by a server on the official SDK, with its own questions.
#[tokio::test]
async fn a_survey_of_the_official_sdk() {
    let node = Node::of("everything", &["--era", "legacy"]);
    let client = Modern::able(node.endpoint());
    let fill = |request: &Value| {
        let fields = request["params"]["requestedSchema"]["properties"].as_object().unwrap();
        let value = |(name, schema): (&String, &Value)| {
            (name.clone(), if schema["type"] == "boolean" { json!(true) } else { json!(format!("a {name}")) })
        };
        accept(fields.iter().map(value).collect::<serde_json::Map<_, _>>().into())
    };
    let first = client.park("survey", json!({})).await;
    let second = client.ask_on(&first, &first.answers(fill)).await;
    assert_eq!(client.finish(&second, &second.answers(fill)).await, "a name surely likes a colour");
}

#[tokio::test]
async fn prompts_and_resources_may_ask_too() {
    let node = Node::of("everything", &["--era", "legacy"]);
    let client = Modern::able(node.endpoint());
    let ada = accept(json!({ "name": "Ada" }));

    let reading = client.park_request("resources/read", json!({ "uri": "test://asking" })).await;
    let answer = client.retry(&reading, &reading.all(&ada)).await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert_eq!(answer["result"]["contents"][0]["text"], "a letter to Ada");
    assert!(answer["result"]["ttlMs"].is_u64() && answer["result"]["cacheScope"].is_string(), "{answer}");

    let getting = client.park_request("prompts/get", json!({ "name": "asking" })).await;
    let answer = client.retry(&getting, &getting.all(&ada)).await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert!(answer["result"]["messages"].to_string().contains("Ada"), "{answer}");
}

/// A model and roots, also in one round with a form.
#[tokio::test]
async fn the_model_and_the_roots_are_asked() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let sampling = json!({ "method": "sampling/createMessage", "params": {
        "messages": [{ "role": "user", "content": { "type": "text", "text": "Paris?" } }], "maxTokens": 10
    }});
    let rounds = json!([[sampling, { "method": "roots/list" }, form("Who?", "name", "string")]]);
    let parked = client.park("ask", json!({ "rounds": rounds })).await;
    assert_eq!(parked.requests.len(), 3, "{:?}", parked.requests);
    let said = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "yes" } });
    let roots = json!({ "roots": [{ "uri": "file:///home/ada" }] });
    let answers = parked.answers(|request| match request["method"].as_str() {
        Some("sampling/createMessage") => {
            assert_eq!(request["params"]["messages"][0]["content"]["text"], "Paris?");
            said.clone()
        }
        Some("roots/list") => roots.clone(),
        _ => json!({ "action": "decline" }),
    });
    let text = client.finish(&parked, &answers).await;
    assert_eq!(answers_in(&text), [said, roots, json!({ "action": "decline" })]);
}

/// What a client has not declared it is not asked; the server hears that at once.
#[tokio::test]
async fn a_client_is_asked_only_what_it_can_answer() {
    let node = asker("");
    // The session is opened by a client that can do everything: what counts is the request at hand.
    let able = Modern::able(node.endpoint());
    able.list("tools").await;
    let client = Modern::at(node.endpoint()).capabilities(json!({ "roots": {} }));
    let rounds = json!([[form("Who?", "name", "string")], [{ "method": "roots/list" }]]);
    let parked = client.park("ask", json!({ "rounds": rounds })).await;
    assert_eq!(parked.requests[&parked.only_key()]["method"], "roots/list");
    let answers = answers_in(&client.finish(&parked, &parked.all(&json!({ "roots": [] }))).await);
    assert_eq!(answers[0]["error"]["code"], -32601, "{answers:?}");
    assert_eq!(answers[1], json!({ "roots": [] }));
    // And pings are the runtime's own affair.
    let text = client.call("ask", json!({ "rounds": [[{ "method": "ping" }]] })).await;
    assert_eq!(answers_in(&text), [json!({})]);
    assert_eq!(node.admin().sessions().await.len(), 1);
}

#[tokio::test]
async fn a_page_is_opened_and_the_server_says_when_it_is_done() {
    let node = asker("");
    let client = Modern::able(node.endpoint());
    let page = json!({ "method": "elicitation/create", "params": {
        "mode": "url", "message": "Please sign in", "url": "https://example.com/sign-in", "elicitationId": "e-1"
    }});
    let parked = client.park("ask", json!({ "rounds": [[page]] })).await;
    let asked = &parked.requests[&parked.only_key()];
    assert_eq!((&asked["params"]["mode"], &asked["params"]["elicitationId"]), (&json!("url"), &json!("e-1")));
    // The page tells the server, the server tells the runtime: the client need say nothing.
    let done = json!({ "jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": { "elicitationId": "e-1" } });
    client.call("say", json!({ "messages": [done] })).await;
    let answer = client.retry(&parked, &json!({})).await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert_eq!(answers_in(&text_of(&answer["result"]))[0]["action"], "accept");
}
