//! A call that became a task (SEP-2663): polled until it has an end, wherever it was begun.

use crate::client::call::exchange::{Exchange, Waited};
use crate::client::call::rounds::{MOST_ROUNDS, Outcome, input_requests};
use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::input::answers;
use rmcp::model::{
    CancelTaskParams, CancelTaskRequest, ClientRequest, GetTaskParams, GetTaskRequest, UpdateTaskParams,
    UpdateTaskRequest,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a task is looked at when the server does not say.
const USUAL_INTERVAL: Duration = Duration::from_secs(1);
/// However often the server says, a task is looked at no more often than this.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);
/// How long the server may take to accept that a task is to be canceled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// The id in what a call came to.
pub(super) fn id(exchange: &Exchange<'_>, result: &Value) -> Result<String, ClientError> {
    let id = result.get("taskId").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| exchange.connection.not_mcp("the call became a task without an id"))
}

/// Follows a task to its end and answers what it asks. `begun` is what the call came to, if it was made just now.
///
/// Ctrl-C asks the server to cancel it. When the server cannot be asked any more, the task is left as it is.
pub(super) async fn follow(
    exchange: &mut Exchange<'_>,
    id: &str,
    begun: Option<&Value>,
) -> Result<Outcome, ClientError> {
    let shown = one_line(id);
    if begun.is_some() {
        exchange.printer.note(&format!("the call goes on as task {shown}"));
    }
    let end = poll(exchange, id, begun).await;
    exchange.printer.progress_ends();
    match &end {
        Ok(Waited::Came(result)) => return Ok(Outcome::Result(result.clone())),
        Ok(Waited::Interrupted) => {
            cancel(exchange, id).await;
            exchange.printer.note(&format!("task {shown} is to be cancelled; --task {shown} tells what came of it"));
            return Ok(Outcome::Interrupted);
        }
        // The server has said how it ended, or that it has no such task.
        Err(ClientError::Rpc { .. } | ClientError::TaskCancelled { .. }) => {}
        Err(_) => exchange.printer.note(&format!("--task {shown} comes back to the task")),
    }
    end.map(|_| Outcome::Interrupted)
}

async fn poll(exchange: &mut Exchange<'_>, id: &str, begun: Option<&Value>) -> Result<Waited<Value>, ClientError> {
    let mut answered = BTreeSet::new();
    let mut rounds = 0;
    let mut interval = begun.map_or(Duration::ZERO, interval_of);
    let mut last = String::new();
    loop {
        let Waited::Came(()) = exchange.wait(tokio::time::sleep(interval)).await else {
            return Ok(Waited::Interrupted);
        };
        let request = ClientRequest::GetTaskRequest(GetTaskRequest::new(GetTaskParams::new(id)));
        let Waited::Came(task) = exchange.send(request).await? else { return Ok(Waited::Interrupted) };
        let status = text(&task, "status").unwrap_or_default();
        match status {
            "completed" => return Ok(Waited::Came(task.get("result").cloned().unwrap_or_default())),
            "failed" => return Err(failure(exchange, &task)),
            "cancelled" => return Err(ClientError::TaskCancelled { id: one_line(id), why: why(&task) }),
            "working" | "input_required" => {}
            other => return Err(exchange.connection.not_mcp(&format!("the task has the unknown status {other:?}"))),
        }
        let line = format!("task {}{}", status.replace('_', " "), why(&task));
        if line != last {
            exchange.printer.progress(&line);
            last = line;
        }
        let Waited::Came(asked) = answer_new(exchange, id, &task, &mut answered).await? else {
            return Ok(Waited::Interrupted);
        };
        rounds += usize::from(asked);
        if rounds > MOST_ROUNDS {
            return Err(ClientError::TooManyRounds(MOST_ROUNDS));
        }
        interval = interval_of(&task);
    }
}

/// Answers the questions that were not answered before, and says whether there were any. The server may show one for
/// a while after its answer has come.
async fn answer_new(
    exchange: &mut Exchange<'_>,
    id: &str,
    task: &Value,
    answered: &mut BTreeSet<String>,
) -> Result<Waited<bool>, ClientError> {
    let open: Map<String, Value> = input_requests(task)
        .into_iter()
        .flatten()
        .filter(|(key, _)| !answered.contains(*key))
        .map(|(key, request)| (key.clone(), request.clone()))
        .collect();
    if open.is_empty() {
        return Ok(Waited::Came(false));
    }
    let handler = exchange.connection.handler();
    let Waited::Came(responses) = exchange.wait(answers(handler, &open)).await else {
        return Ok(Waited::Interrupted);
    };
    let update = UpdateTaskRequest::new(UpdateTaskParams::new(id, responses?));
    let Waited::Came(_) = exchange.send(ClientRequest::UpdateTaskRequest(update)).await? else {
        return Ok(Waited::Interrupted);
    };
    answered.extend(open.into_iter().map(|(key, _)| key));
    Ok(Waited::Came(true))
}

async fn cancel(exchange: &Exchange<'_>, id: &str) {
    let request = ClientRequest::CancelTaskRequest(CancelTaskRequest::new(CancelTaskParams::new(id)));
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, exchange.connection.peer().send_request(request)).await;
}

/// The JSON-RPC error that ended a task.
fn failure(exchange: &Exchange<'_>, task: &Value) -> ClientError {
    let error = task.get("error").cloned().unwrap_or_default();
    match serde_json::from_value(error) {
        Ok(error) => ClientError::rpc(&error),
        Err(_) => exchange.connection.not_mcp(&format!("the task failed without an error{}", why(task))),
    }
}

fn interval_of(task: &Value) -> Duration {
    let said = task.get("pollIntervalMs").and_then(Value::as_u64).map(Duration::from_millis);
    said.unwrap_or(USUAL_INTERVAL).max(SHORTEST_INTERVAL)
}

fn why(task: &Value) -> String {
    text(task, "statusMessage").map_or_else(String::new, |message| format!(": {}", one_line(message)))
}

fn text<'t>(task: &'t Value, name: &str) -> Option<&'t str> {
    task.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
