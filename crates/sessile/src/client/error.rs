//! What can go wrong with a client command, in words a person can act on.

use crate::client::connect::Era;
use crate::client::escape::escaped;
use serde_json::Value;
use sessile_front::exec::wire::Fault;
use std::fmt::Write as _;
use std::time::Duration;

/// Why a client command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The command line asks for something that cannot be sent.
    #[error("{0}")]
    Usage(String),
    /// No one accepts connections at the address.
    #[error("nothing listens at {url}; start it with `sessile run -- COMMAND`")]
    NothingListens {
        /// Where it was tried.
        url: String,
    },
    /// The connection could not be made, or broke.
    #[error("no connection to {url}: {why}")]
    Unreachable {
        /// Where it was tried.
        url: String,
        /// What the network said.
        why: String,
    },
    /// The server wants to know who calls (401).
    #[error("{url} needs a key (HTTP 401){why}; set SESSILE_KEY or pass --key-file FILE")]
    KeyNeeded {
        /// Where it was tried.
        url: String,
        /// What the server said about it, with a leading `: `, or nothing.
        why: String,
    },
    /// A key was given and is not good enough (401 or 403).
    #[error("{url} refuses the key (HTTP {status}){why}; look at SESSILE_KEY, --key-file or --key")]
    KeyRefused {
        /// Where it was tried.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server said about it, with a leading `: `, or nothing.
        why: String,
    },
    /// Something answers HTTP there, and it does not answer as an MCP server would.
    #[error("{url} does not answer as an MCP server: {why}")]
    NotMcp {
        /// Where it was tried.
        url: String,
        /// What came instead.
        why: String,
    },
    /// The server does not speak the era that `--era` names.
    #[error("{url} does not speak the {era} era ({why}); `--era {}` or no --era may do", era.other())]
    WrongEra {
        /// Where it was tried.
        url: String,
        /// The era asked for.
        era: Era,
        /// What the server said instead, safe for a terminal.
        why: String,
    },
    /// The server asked, and nothing here can answer.
    #[error("the call cannot go on: {0}")]
    Unanswered(String),
    /// The server asked again and again.
    #[error("the server asked {0} times and still has no result; given up")]
    TooManyRounds(usize),
    /// A task ended as canceled, by whomever.
    #[error("task {id} was cancelled{why}")]
    TaskCancelled {
        /// The task.
        id: String,
        /// What the server said about it, with a leading `: `, or nothing.
        why: String,
    },
    /// An HTTP error that no key and no other path would mend.
    #[error("{url} answered HTTP {status}{why}")]
    Http {
        /// Where it was tried.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server said about it, with a leading `: `, or nothing.
        why: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("the server answered with error {code}: {message}{data}")]
    Rpc {
        /// The JSON-RPC error code.
        code: i64,
        /// Its message, safe for a terminal.
        message: String,
        /// Its data as indented lines, or nothing.
        data: String,
    },
    /// The session is gone (404): idle for too long, stopped, or crashed.
    #[error("the session ended before the call did; `sessile sessions list --all` says why")]
    SessionEnded,
    /// Nothing was heard for as long as `--timeout` says.
    #[error("no answer for {}; cancelled (--timeout allows more)", humantime::format_duration(*.0))]
    Silent(Duration),
    /// The node knows no session of that name.
    #[error("no session {name:?} at {admin}; `sessile sessions list --all` lists them")]
    NoSession {
        /// The name asked for.
        name: String,
        /// The admin listener asked.
        admin: String,
    },
    /// The node did not do it, and says why.
    #[error("{message}")]
    NotDone {
        /// Why.
        message: String,
    },
    /// No admin listener answers.
    #[error(
        "no node answers at {admin} ({why}); `sessile run` and `sessile serve` print the address: \
             pass it with --admin or SESSILE_ADMIN"
    )]
    NoNode {
        /// The admin listener asked.
        admin: String,
        /// What the network said.
        why: String,
    },
    /// A session did not end in the time allowed.
    #[error("{name} is still stopping after {} ({in_flight} requests in flight)", humantime::format_duration(*.waited))]
    StillStopping {
        /// The session.
        name: String,
        /// How long it was waited for.
        waited: Duration,
        /// How many requests it still works on.
        in_flight: u64,
    },
    /// A command was not run in a session.
    #[error("{message}")]
    NotRun {
        /// Whose fault that is.
        by: Fault,
        /// Why, and what to do, safe for a terminal.
        message: String,
    },
    /// Nothing more came of a command that ran in a session.
    #[error("the connection to {name} ended before its command did, which is killed with it: {why}")]
    CutOff {
        /// The session.
        name: String,
        /// What is known of it.
        why: String,
    },
    /// Something on this machine did not work: a file, a command, a terminal.
    #[error("{0}")]
    Local(String),
}

impl ClientError {
    /// Whether the command line is at fault (exit code 2) and not what it met (exit code 1).
    #[must_use]
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_) | Self::NotRun { by: Fault::Request, .. })
    }

    /// Whether the host, or how it was set up, does not allow it (exit code 3).
    #[must_use]
    pub(crate) fn is_hosts(&self) -> bool {
        matches!(self, Self::NotRun { by: Fault::Host, .. })
    }

    /// A JSON-RPC error of the server. Its data often holds the reason, such as the last lines of stderr.
    pub(crate) fn rpc(error: &rmcp::ErrorData) -> Self {
        let data = error.data.as_ref().map(data_lines).unwrap_or_default();
        Self::Rpc { code: i64::from(error.code.0), message: escaped(&error.message), data }
    }
}

fn data_lines(data: &Value) -> String {
    let mut lines = String::new();
    match data {
        Value::Object(members) => {
            for (name, value) in members {
                let text = match value {
                    Value::String(text) => text.trim_end().to_owned(),
                    other => other.to_string(),
                };
                if text.is_empty() {
                    continue;
                }
                let text = escaped(&text);
                let gap = if text.contains('\n') { "\n    " } else { " " };
                let _ = write!(lines, "\n  {}:{gap}{}", escaped(name), text.replace('\n', "\n    "));
            }
        }
        Value::Null => {}
        other => {
            let _ = write!(lines, "\n  {}", escaped(&other.to_string()));
        }
    }
    lines
}

#[cfg(test)]
mod tests;
