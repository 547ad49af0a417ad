//! What a modern server needs to know before it goes on: `inputRequests`, in a result that is `input_required` or in
//! a task (2026-07-28, basic/patterns/mrtr).
//!
//! They are read as JSON and not as the SDK's types: one form that is not what the SDK expects would cost all of them.
#![allow(deprecated, reason = "sampling and roots are deprecated, and servers in use ask for them")]

use crate::client::ask::Question;
use crate::client::ask::form::Form;
use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::handler::Handler;
use rmcp::model::{CreateMessageRequestParams, InputResponses};
use serde::Serialize;
use serde_json::{Map, Value};

/// Answers every request, one after another.
///
/// # Errors
/// When one of them cannot be answered. The modern era has no answer that says so: the call ends with it.
pub(crate) async fn answers(handler: &Handler, requests: &Map<String, Value>) -> Result<InputResponses, ClientError> {
    let mut responses = InputResponses::new();
    for (key, request) in requests {
        responses.insert(key.clone(), answer(handler, request).await?);
    }
    Ok(responses)
}

async fn answer(handler: &Handler, request: &Value) -> Result<Value, ClientError> {
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let params = request.get("params").unwrap_or(&Value::Null);
    match method {
        "elicitation/create" => json(&handler.answer(question(params)?).await),
        "sampling/createMessage" => {
            if handler.sampler.is_none() {
                return Err(unanswered("the server needs sampling; pass --sample TEXT or --sample-with COMMAND"));
            }
            let request: CreateMessageRequestParams = serde_json::from_value(params.clone()).map_err(|error| {
                unanswered(&format!("the server asks for sampling in a way not known here: {error}"))
            })?;
            json(&handler.sample(&request).await.map_err(|error| unanswered(&error.message))?)
        }
        "roots/list" => json(&handler.list_roots()),
        other => Err(unanswered(&format!("the server asks for {other:?}, which is not known here"))),
    }
}

fn question(params: &Value) -> Result<Question, ClientError> {
    let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match params.get("mode").and_then(Value::as_str).unwrap_or("form") {
        "form" => {
            let form = Form::from_schema(params.get("requestedSchema").unwrap_or(&Value::Null));
            Ok(Question::Form { message: text("message"), form })
        }
        "url" => Ok(Question::Url { message: text("message"), url: text("url") }),
        other => Err(unanswered(&format!("the server asks in the mode {other:?}, which is not known here"))),
    }
}

fn json(answer: &impl Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(answer).map_err(|error| unanswered(&error.to_string()))
}

fn unanswered(why: &str) -> ClientError {
    ClientError::Unanswered(one_line(why))
}

#[cfg(test)]
mod tests;
