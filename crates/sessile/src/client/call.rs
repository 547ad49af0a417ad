//! `sessile call`: one tool call, from arguments to printed result.
#![allow(deprecated, reason = "logging and roots are deprecated only in the modern era")]

mod options;

pub(crate) use options::CallArgs;

use crate::client::arguments::{Given, Settled, settle, similar};
use crate::client::ask::Asker;
use crate::client::ask::terminal::Terminal;
use crate::client::connect::{Connection, connect};
use crate::client::content;
use crate::client::error::ClientError;
use crate::client::escape::{one_line, pretty};
use crate::client::handler::Handler;
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use crate::client::roots::root;
use crate::client::save::SaveDir;
use crate::client::watch::Watcher;
use options::{LogLevel, Output};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, JsonObject, LoggingLevel, SetLevelRequest,
    SetLevelRequestParams,
};
use rmcp::service::PeerRequestOptions;
use serde_json::{Map, Value};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// As a shell counts a process that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// How long the server may take to accept that the call is canceled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Calls a tool and prints what it answers. The exit code is 0 when it succeeded, 1 when the tool says that it
/// failed, 130 after Ctrl-C.
///
/// # Errors
/// When the arguments do not fit, the server cannot be reached, or it answers with an error.
pub(crate) async fn call(args: CallArgs) -> Result<ExitCode, ClientError> {
    let given = Given::load(&args.args, args.json.as_deref(), !args.no_check)?;
    let target = args.target.target()?;
    let save = args.save.as_deref().map(|dir| SaveDir::open(dir, &args.tool)).transpose()?;
    let printer = Arc::new(Printer::new());
    let patience = Patience::new(args.target.timeout);
    let asker = Arc::new(Asker::new(args.answers(), Terminal::open(), printer.clone()));
    let handler = Handler {
        asker: asker.clone(),
        sampler: args.sampler(),
        roots: args.roots.iter().map(|text| root(text)).collect::<Result<_, _>>()?,
        printer: printer.clone(),
        patience: patience.clone(),
    };
    let log_level = args.log_level.map_or(Some(LoggingLevel::Debug), LogLevel::level);
    let watcher = Watcher { printer: printer.clone(), patience: patience.clone(), log_level };
    let connection = tokio::select! {
        connection = connect(target, handler, watcher) => connection?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let result = exchange(&args, given, &connection, &patience, &printer).await;
    printer.progress_ends();
    for name in asker.unused() {
        printer.note(&format!("--answer {}: the server did not ask for it", one_line(&name)));
    }
    let closing = connection.close();
    tokio::select! {
        () = closing => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    match result? {
        Some(result) => args.print(&printer, &result, save),
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Looks the tool up, checks the arguments and calls it. `None` after Ctrl-C.
async fn exchange(
    args: &CallArgs,
    given: Given,
    connection: &Connection,
    patience: &Patience,
    printer: &Printer,
) -> Result<Option<Value>, ClientError> {
    let prepare = async {
        let settled = settle(&args.tool, &*args.schema(connection).await?, given)?;
        if let Some(level) = args.log_level.and_then(LogLevel::level).filter(|_| connection.has_logging()) {
            let request = SetLevelRequest::new(SetLevelRequestParams::new(level));
            let request = ClientRequest::SetLevelRequest(request);
            connection.peer().send_request(request).await.map_err(|error| connection.failure(error))?;
        }
        Ok(settled)
    };
    let Settled { arguments, notes } = tokio::select! {
        settled = prepare => settled?,
        () = patience.run_out() => return Err(ClientError::Silent(patience.limit())),
        _ = tokio::signal::ctrl_c() => return Ok(None),
    };
    for note in notes {
        printer.note(&one_line(&note));
    }
    send(&args.tool, arguments, connection, patience).await
}

async fn send(
    tool: &str,
    arguments: Map<String, Value>,
    connection: &Connection,
    patience: &Patience,
) -> Result<Option<Value>, ClientError> {
    let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
    patience.heard();
    let mut handle = connection
        .peer()
        .send_cancellable_request(request, PeerRequestOptions::no_options())
        .await
        .map_err(|error| connection.failure(error))?;
    let outcome = tokio::select! {
        answer = &mut handle.rx => {
            let answer = answer.map_err(|_| rmcp::service::ServiceError::TransportClosed).and_then(|answer| answer);
            let answer = answer.map_err(|error| connection.failure(error))?;
            let result = serde_json::to_value(answer).map_err(|error| connection.not_mcp(&error.to_string()))?;
            return Ok(Some(result));
        }
        () = patience.run_out() => Err(ClientError::Silent(patience.limit())),
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    patience.give_up();
    let reason = if outcome.is_ok() { "interrupted by the user" } else { "no answer in time" };
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, handle.cancel(Some(reason.to_owned()))).await;
    outcome
}

impl CallArgs {
    /// The input schema of the tool. The error for a tool that is not offered names those that are like it.
    async fn schema(&self, connection: &Connection) -> Result<Arc<JsonObject>, ClientError> {
        let tools = connection.tools().await;
        let tools = if self.no_check { tools.unwrap_or_default() } else { tools? };
        if let Some(tool) = tools.iter().find(|tool| tool.name == self.tool) {
            return Ok(tool.input_schema.clone());
        }
        if self.no_check {
            return Ok(Arc::default());
        }
        let hint = similar(&self.tool, tools.iter().map(|tool| tool.name.as_ref()))
            .map_or_else(String::new, |other| format!("; did you mean {}?", one_line(other)));
        let url = &self.target.url;
        Err(ClientError::Usage(format!(
            "the server has no tool {:?}{hint} (`sessile tools {url}` lists them)",
            self.tool
        )))
    }

    fn print(&self, printer: &Printer, result: &Value, mut save: Option<SaveDir>) -> Result<ExitCode, ClientError> {
        let content = result.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let structured = result.get("structuredContent");
        let shown = content::blocks(content, save.as_mut())?;
        match self.output {
            _ if self.raw => printer.result(&pretty(result)),
            Output::Json => {
                let content = result.get("content").unwrap_or(result);
                printer.result(&pretty(structured.unwrap_or(content)));
            }
            Output::Text => {
                for block in &shown {
                    printer.result(block);
                }
                if let Some(structured) = structured.filter(|_| shown.is_empty()) {
                    printer.result(&pretty(structured));
                }
            }
        }
        if result.get("isError").and_then(Value::as_bool) == Some(true) {
            printer.note("the tool says that it failed");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}
