//! The words of `sessile call`.
#![allow(deprecated, reason = "logging is deprecated only in the modern era")]

use crate::client::ask::Answers;
use crate::client::sampling::Sampler;
use crate::client::target::TargetArgs;
use clap::{Args, ValueEnum};
use rmcp::model::LoggingLevel;
use std::path::PathBuf;

/// `sessile call URL TOOL …`
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The tool to call; `sessile tools URL` lists them
    #[arg(value_name = "TOOL", required_unless_present = "task")]
    pub(super) tool: Option<String>,
    /// An argument, typed by the tool's schema; again for more items of an array; @FILE or @- reads the value
    #[arg(short, long = "arg", value_name = "K=V", value_parser = pair)]
    pub(super) args: Vec<(String, String)>,
    /// All arguments as one JSON object, or @FILE; --arg adds to it
    #[arg(long, value_name = "JSON")]
    pub(super) json: Option<String>,
    /// Send arguments that the tool's schema does not allow, and call tools that are not listed
    #[arg(long)]
    pub(super) no_check: bool,
    /// Answer a field when the server asks for input
    #[arg(long = "answer", value_name = "K=V", value_parser = pair)]
    pub(super) answers: Vec<(String, String)>,
    /// Accept without asking when the server asks for input, with defaults and --answer
    #[arg(long)]
    pub(super) accept: bool,
    /// Decline when the server asks for input
    #[arg(long, conflicts_with_all = ["accept", "answers"])]
    pub(super) decline: bool,
    /// Answer sampling with this text
    #[arg(long, value_name = "TEXT")]
    pub(super) sample: Option<String>,
    /// Answer sampling with the output of a shell command; it gets the request as JSON on stdin
    #[arg(long, value_name = "COMMAND", conflicts_with = "sample")]
    pub(super) sample_with: Option<String>,
    /// Offer a directory (or a URI) as a root
    #[arg(long = "root", value_name = "PATH")]
    pub(super) roots: Vec<String>,
    /// Log messages to ask for and to show on stderr [default: info; in the legacy era whatever the server sends]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) log_level: Option<LogLevel>,
    /// What to print: the content as text, or the structured content as JSON
    #[arg(short, long, value_enum, default_value_t = Output::Text, value_name = "FORMAT")]
    pub(super) output: Output,
    /// Print the whole result as JSON
    #[arg(long, conflicts_with = "output")]
    pub(super) raw: bool,
    /// Save images, audio and resources of the result in a directory
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
    /// Do not let the call become a task: the server has to answer the request itself
    #[arg(long)]
    pub(super) no_tasks: bool,
    /// If the call becomes a task, print its id and end
    #[arg(long, conflicts_with = "no_tasks")]
    pub(super) detach: bool,
    /// Come back to a task instead of calling a tool
    #[arg(long, value_name = "ID", conflicts_with_all = ["tool", "args", "json", "no_check", "no_tasks", "detach"])]
    pub(super) task: Option<String>,
}

/// What `--output` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

/// Severities of log messages (RFC 5424), and none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
    Off,
}

impl LogLevel {
    /// What is asked for in the modern era, where a server sends nothing that was not asked for.
    pub(super) const MODERN_DEFAULT: Self = Self::Info;

    pub(super) fn level(self) -> Option<LoggingLevel> {
        Some(match self {
            Self::Debug => LoggingLevel::Debug,
            Self::Info => LoggingLevel::Info,
            Self::Notice => LoggingLevel::Notice,
            Self::Warning => LoggingLevel::Warning,
            Self::Error => LoggingLevel::Error,
            Self::Critical => LoggingLevel::Critical,
            Self::Alert => LoggingLevel::Alert,
            Self::Emergency => LoggingLevel::Emergency,
            Self::Off => return None,
        })
    }
}

impl CallArgs {
    pub(super) fn sampler(&self) -> Option<Sampler> {
        let fixed = self.sample.clone().map(Sampler::Fixed);
        fixed.or_else(|| self.sample_with.clone().map(Sampler::Command))
    }

    /// The option that only the modern era has a meaning for, if one is given.
    pub(super) fn needs_modern(&self) -> Option<&'static str> {
        self.task.as_ref().map(|_| "--task").or(self.detach.then_some("--detach"))
    }

    pub(super) fn answers(&self) -> Answers {
        Answers { fields: self.answers.clone(), decline: self.decline, accept: self.accept }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}
