use super::*;
use crate::client::ask::{Answers, Asker};
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use crate::client::roots::root;
use crate::client::sampling::Sampler;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn handler(sampler: Option<Sampler>) -> Handler {
    let printer = Arc::new(Printer::new());
    let answers = Answers { fields: vec![("name".into(), "Ada".into())], accept: true, ..Answers::default() };
    Handler {
        asker: Arc::new(Asker::new(answers, None, printer.clone())),
        sampler,
        roots: vec![root("file:///notes").unwrap()],
        tasks: true,
        printer,
        patience: Patience::new(Duration::from_secs(60)),
    }
}

async fn answered(requests: Value) -> Value {
    let handler = handler(Some(Sampler::Fixed("Paris".into())));
    json!(answers(&handler, requests.as_object().unwrap()).await.unwrap())
}

async fn refused(sampler: Option<Sampler>, request: Value) -> String {
    let requests = Map::from_iter([("it".to_owned(), request)]);
    answers(&handler(sampler), &requests).await.unwrap_err().to_string()
}

#[tokio::test]
async fn every_kind_of_question_is_answered_under_its_key() {
    let form = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
    let message = json!({ "role": "user", "content": { "type": "text", "text": "capital?" } });
    let responses = answered(json!({
        "form": { "method": "elicitation/create", "params": { "message": "Who?", "requestedSchema": form } },
        "page": { "method": "elicitation/create", "params": { "mode": "url", "message": "Sign in", "url": "https://h/" } },
        "model": { "method": "sampling/createMessage", "params": { "messages": [message], "maxTokens": 9 } },
        "roots": { "method": "roots/list" }
    }))
    .await;
    assert_eq!(responses["form"], json!({ "action": "accept", "content": { "name": "Ada" } }));
    assert_eq!(responses["page"], json!({ "action": "accept" }));
    assert_eq!(responses["model"]["content"]["text"], "Paris");
    assert_eq!(responses["roots"]["roots"][0]["uri"], "file:///notes");
}

#[tokio::test]
async fn a_form_beyond_the_specification_is_asked_all_the_same() {
    let form = json!({ "type": "object", "properties": { "name": { "type": "colour", "x": [1] } } });
    let params = json!({ "message": "Who?", "requestedSchema": form });
    let responses = answered(json!({ "it": { "method": "elicitation/create", "params": params } })).await;
    assert_eq!(responses["it"]["content"]["name"], "Ada");
}

#[tokio::test]
async fn what_cannot_be_answered_ends_the_call_and_says_what_would_have() {
    let sampling = json!({ "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 9 } });
    assert!(refused(None, sampling.clone()).await.contains("--sample"));
    let failing = Sampler::Command("exit 3".into());
    assert!(refused(Some(failing), sampling).await.contains("exit status: 3"));
    assert!(refused(None, json!({ "method": "tools/call" })).await.contains("tools/call"));
    let odd = json!({ "method": "elicitation/create", "params": { "mode": "dance" } });
    assert!(refused(None, odd).await.contains("dance"));
}
