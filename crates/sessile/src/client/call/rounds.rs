//! A tool call, round after round, until it has a result.
//!
//! In the legacy era there is one round, and the server's questions come in its middle. In the modern era a question
//! ends the round: the call is made again with the answer and with the server's own state (2026-07-28,
//! basic/patterns/mrtr).

use crate::client::call::exchange::{Exchange, Waited};
use crate::client::call::task;
use crate::client::connect::Era;
use crate::client::error::ClientError;
use crate::client::input::answers;
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest};
use serde_json::{Map, Value};
use std::time::Duration;

/// How often a server may answer with a question instead of a result.
pub(super) const MOST_ROUNDS: usize = 16;
/// The wait before a round that only gives the server its state back; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Where the doubling ends.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of a call.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The tool's result.
    Result(Value),
    /// The server goes on with it as this task, and nobody waits.
    Detached(String),
    /// Ctrl-C ended it.
    Interrupted,
}

/// Calls a tool. With `detach`, a call that becomes a task is left alone.
pub(super) async fn call(
    exchange: &mut Exchange<'_>,
    mut params: CallToolRequestParams,
    detach: bool,
) -> Result<Outcome, ClientError> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..=MOST_ROUNDS {
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params.clone()));
        let Waited::Came(result) = exchange.send(request).await? else { return Ok(Outcome::Interrupted) };
        match (exchange.connection.era(), result.get("resultType").and_then(Value::as_str)) {
            (Era::Modern, Some("input_required")) => {}
            (Era::Modern, Some("task")) => {
                let id = task::id(exchange, &result)?;
                return if detach {
                    Ok(Outcome::Detached(id))
                } else {
                    task::follow(exchange, &id, Some(&result)).await
                };
            }
            (Era::Modern, Some(other)) if other != "complete" => {
                return Err(exchange.connection.not_mcp(&format!("the result is of the unknown type {other:?}")));
            }
            _ => return Ok(Outcome::Result(result)),
        }
        params.request_state = result.get("requestState").and_then(Value::as_str).map(str::to_owned);
        params.input_responses = None;
        match input_requests(&result) {
            Some(requests) => {
                let handler = exchange.connection.handler();
                let Waited::Came(responses) = exchange.wait(answers(handler, requests)).await else {
                    return Ok(Outcome::Interrupted);
                };
                params.input_responses = Some(responses?);
            }
            None => {
                let Waited::Came(()) = exchange.wait(tokio::time::sleep(pause)).await else {
                    return Ok(Outcome::Interrupted);
                };
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
    Err(ClientError::TooManyRounds(MOST_ROUNDS))
}

/// What a result or a task asks for.
pub(super) fn input_requests(result: &Value) -> Option<&Map<String, Value>> {
    result.get("inputRequests").and_then(Value::as_object).filter(|requests| !requests.is_empty())
}
