//! `sessile call`: one tool call, from arguments to printed result.
#![allow(deprecated, reason = "logging and roots are deprecated only in the modern era")]

mod exchange;
mod options;
mod rounds;
mod task;

pub(crate) use options::CallArgs;

use crate::client::arguments::{Given, Settled, settle, similar};
use crate::client::ask::Asker;
use crate::client::ask::terminal::Terminal;
use crate::client::connect::{Connection, Era, EraChoice, Tools, connect};
use crate::client::content;
use crate::client::error::ClientError;
use crate::client::escape::{one_line, pretty};
use crate::client::handler::Handler;
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use crate::client::roots::root;
use crate::client::save::SaveDir;
use crate::client::watch::Watcher;
use exchange::{Exchange, Waited};
use options::{LogLevel, Output};
use rmcp::model::{
    CallToolRequestParams, ClientRequest, JsonObject, LoggingLevel, SetLevelRequest, SetLevelRequestParams,
};
use rounds::Outcome;
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// As a shell counts a process that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// Calls a tool and prints what it answers. The exit code is 0 when it succeeded, 1 when the tool says that it
/// failed, 130 after Ctrl-C.
///
/// # Errors
/// When the arguments do not fit, the server cannot be reached, or it answers with an error.
pub(crate) async fn call(args: CallArgs, verbose: bool) -> Result<ExitCode, ClientError> {
    let given = Given::load(&args.args, args.json.as_deref(), !args.no_check)?;
    let target = args.target.target()?;
    args.fits(target.era == EraChoice::Legacy)?;
    let stem = args.tool.as_deref().unwrap_or("task");
    let save = args.save.as_deref().map(|dir| SaveDir::open(dir, stem)).transpose()?;
    let printer = Arc::new(Printer::new());
    let patience = Patience::new(args.target.timeout);
    let asker = Arc::new(Asker::new(args.answers(), Terminal::open(), printer.clone()));
    let handler = Handler {
        asker: asker.clone(),
        sampler: args.sampler(),
        roots: args.roots.iter().map(|text| root(text)).collect::<Result<_, _>>()?,
        tasks: !args.no_tasks,
        printer: printer.clone(),
        patience: patience.clone(),
    };
    let log_level = args.log_level.map_or(Some(LoggingLevel::Debug), LogLevel::level);
    let watcher = Watcher { printer: printer.clone(), patience: patience.clone(), log_level };
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| ClientError::Local(format!("no Ctrl-C: {error}")))?;
    let connection = tokio::select! {
        connection = connect(target, handler, watcher) => connection?,
        _ = interrupts.recv() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if verbose {
        printer.note(&connection.summary());
    }
    let mut exchange = Exchange {
        connection: &connection,
        patience: &patience,
        printer: &printer,
        log_level: args.log_level,
        interrupts,
    };
    let outcome = run(&args, given, &mut exchange).await;
    let Exchange { mut interrupts, .. } = exchange;
    printer.progress_ends();
    for name in asker.unused() {
        printer.note(&format!("--answer {}: the server did not ask for it", one_line(&name)));
    }
    tokio::select! {
        () = connection.close() => {}
        _ = interrupts.recv() => {}
    }
    match outcome? {
        Outcome::Result(result) => args.print(&printer, &result, save),
        Outcome::Detached(id) => {
            printer.result(&one_line(&id));
            printer.note("the server works on; --task with this id comes back to it");
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Looks the tool up, checks the arguments and calls it; or goes back to a task.
async fn run(args: &CallArgs, given: Given, exchange: &mut Exchange<'_>) -> Result<Outcome, ClientError> {
    let connection = exchange.connection;
    args.fits(connection.era() == Era::Legacy)?;
    let Some(tool) = &args.tool else {
        return task::follow(exchange, args.task.as_deref().unwrap_or_default(), None).await;
    };
    let prepare = async {
        let settled = settle(tool, &*args.schema(tool, connection).await?, given)?;
        let level = args.log_level.and_then(LogLevel::level);
        if let Some(level) = level.filter(|_| connection.era() == Era::Legacy && connection.has_logging()) {
            let request = SetLevelRequest::new(SetLevelRequestParams::new(level));
            let request = ClientRequest::SetLevelRequest(request);
            connection.peer().send_request(request).await.map_err(|error| connection.failure(error))?;
        }
        Ok(settled)
    };
    let patience = exchange.patience;
    let prepare = async {
        tokio::select! {
            settled = prepare => settled,
            () = patience.run_out() => Err(ClientError::Silent(patience.limit())),
        }
    };
    let Waited::Came(settled) = exchange.wait(Box::pin(prepare)).await else { return Ok(Outcome::Interrupted) };
    let Settled { arguments, notes } = settled?;
    for note in notes {
        exchange.printer.note(&one_line(&note));
    }
    let params = CallToolRequestParams::new(tool.clone()).with_arguments(arguments);
    let outcome = rounds::call(exchange, params, args.detach).await?;
    if args.detach && matches!(outcome, Outcome::Result(_)) {
        exchange.printer.note("the server answered at once; there is no task to come back to");
    }
    Ok(outcome)
}

impl CallArgs {
    /// Refuses what has no meaning in the legacy era.
    fn fits(&self, legacy: bool) -> Result<(), ClientError> {
        match self.needs_modern() {
            Some(option) if legacy => Err(ClientError::Usage(format!(
                "{option} has a meaning only in the modern era, and {} is to be called in the legacy one",
                self.target.url
            ))),
            _ => Ok(()),
        }
    }

    /// The input schema of the tool. The error for a tool that is not offered names those that are like it.
    async fn schema(&self, tool: &str, connection: &Connection) -> Result<Arc<JsonObject>, ClientError> {
        let Tools { usable, barred } = match connection.tools().await {
            Err(_) if self.no_check => Tools { usable: Vec::new(), barred: Vec::new() },
            tools => tools?,
        };
        if let Some(tool) = usable.iter().find(|known| known.name == tool) {
            return Ok(tool.input_schema.clone());
        }
        if let Some(tool) = barred.iter().find(|known| known.name == tool) {
            if self.no_check {
                return Ok(tool.input_schema.clone());
            }
            return Err(ClientError::Usage(format!(
                "clients leave out the tool {}: its x-mcp-header annotations are not valid (--no-check calls it all \
                 the same)",
                one_line(&tool.name)
            )));
        }
        if self.no_check {
            return Ok(Arc::default());
        }
        let hint = similar(tool, usable.iter().map(|tool| tool.name.as_ref()))
            .map_or_else(String::new, |other| format!("; did you mean {}?", one_line(other)));
        let url = &self.target.url;
        Err(ClientError::Usage(format!("the server has no tool {tool:?}{hint} (`sessile tools {url}` lists them)")))
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
