//! `sessile tools`: what a server offers.

use crate::client::ask::{Answers, Asker};
use crate::client::connect::{Tools, connect};
use crate::client::error::ClientError;
use crate::client::escape::{first_line, one_line, pretty};
use crate::client::handler::Handler;
use crate::client::patience::Patience;
use crate::client::printer::{Printer, stdout_width};
use crate::client::schema::arguments;
use crate::client::table::Table;
use crate::client::target::TargetArgs;
use crate::client::watch::Watcher;
use clap::Args;
use rmcp::model::Tool;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;

/// `sessile tools URL`
#[derive(Debug, Args)]
pub(crate) struct ToolsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, with whole descriptions and schemas
    #[arg(long)]
    json: bool,
}

/// Prints the tools of a server with their arguments; required ones have a star.
///
/// # Errors
/// When the server cannot be reached or has no list of tools.
pub(crate) async fn tools(args: ToolsArgs, verbose: bool) -> Result<ExitCode, ClientError> {
    let target = args.target.target()?;
    let printer = Arc::new(Printer::new());
    let patience = Patience::new(args.target.timeout);
    let declines = Answers { decline: true, ..Answers::default() };
    let handler = Handler {
        asker: Arc::new(Asker::new(declines, None, printer.clone())),
        sampler: None,
        roots: Vec::new(),
        tasks: false,
        printer: printer.clone(),
        patience: patience.clone(),
    };
    let watcher = Watcher { printer: printer.clone(), patience: patience.clone(), log_level: None };
    let connection = connect(target, handler, watcher).await?;
    if verbose {
        printer.note(&connection.summary());
    }
    let tools = tokio::select! {
        tools = connection.tools() => tools,
        () = patience.run_out() => Err(ClientError::Silent(patience.limit())),
    };
    connection.close().await;
    let Tools { usable: mut tools, barred } = tools?;
    for tool in &barred {
        printer.note(&format!(
            "clients leave out the tool {}: its x-mcp-header annotations are not valid",
            one_line(&tool.name)
        ));
    }
    tools.extend(barred);
    if args.json {
        printer.result(&pretty(&json!({ "tools": tools })));
    } else if tools.is_empty() {
        printer.note("the server has no tools");
    } else {
        printer.result(&listing(&tools, stdout_width()));
    }
    Ok(ExitCode::SUCCESS)
}

fn listing(tools: &[Tool], width: Option<usize>) -> String {
    let mut table = Table::new(&["TOOL", "DESCRIPTION", "ARGUMENTS (* required)"]);
    for tool in tools {
        let takes: Vec<String> = arguments(&tool.input_schema)
            .into_iter()
            .map(|argument| {
                let mark = if argument.required { "*" } else { "" };
                format!("{}{mark} {}", one_line(argument.name), argument.type_text())
            })
            .collect();
        let about = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or("");
        table.row(vec![one_line(&tool.name), first_line(about), takes.join("\n")]);
    }
    table.render(width, 1)
}

#[cfg(test)]
mod tests;
