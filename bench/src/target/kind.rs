//! The targets there are.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::{Running, peer};
use crate::client::{EndpointArgs, IdStyle};

/// The server behind every target, and the tool called in it.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Its command over stdio.
    pub command: Vec<String>,
    /// The arguments that make it serve HTTP instead and print its URL; empty when it cannot.
    pub http_args: Vec<String>,
    /// The tool.
    pub tool: String,
    /// Its arguments, a JSON object.
    pub tool_args: String,
    /// The arguments that make it speak one era only; `None` when it has no such.
    pub eras: Option<Eras>,
    /// A tool that asks its client one form.
    pub ask_tool: String,
    /// What the form is filled in with.
    pub ask_answer: serde_json::Value,
}

/// What is added to a command so that the server speaks one era only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eras {
    /// For versions with `initialize`.
    pub legacy: Vec<String>,
    /// For 2026-07-28.
    pub modern: Vec<String>,
}

/// Where the programs are, and where to put what they need.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder with `sessile` and `bench-echo`.
    pub programs: PathBuf,
    /// The folder into which the peers were installed.
    pub peers: PathBuf,
    /// A folder for manifests, state and logs of this run.
    pub scratch: PathBuf,
}

/// What kind of thing takes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An HTTP server on the same stack that answers without doing anything.
    BareEcho,
    /// The backend's own HTTP endpoint, no gateway.
    OwnHttp,
    /// Sessile with the process driver, each session started when it is asked for.
    Sessile,
    /// Sessile with sandboxes started ahead of need.
    SessilePool,
    /// supergateway, stateful.
    Supergateway,
    /// mcpway, stateful.
    Mcpway,
    /// mcp-proxy.
    McpProxy,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::BareEcho,
        Self::OwnHttp,
        Self::Sessile,
        Self::SessilePool,
        Self::Supergateway,
        Self::Mcpway,
        Self::McpProxy,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::BareEcho => "bare hyper echo",
            Self::OwnHttp => "server's own HTTP",
            Self::Sessile => "Sessile",
            Self::SessilePool => "Sessile, warm pool",
            Self::Supergateway => "supergateway",
            Self::Mcpway => "mcpway",
            Self::McpProxy => "mcp-proxy",
        }
    }

    /// What one session is there, for the reader of a table.
    pub fn note(self) -> &'static str {
        match self {
            Self::BareEcho => "answers without doing anything",
            Self::OwnHttp => "no gateway, one process for all",
            Self::Sessile => "a sandbox per session",
            Self::SessilePool => "a sandbox per session, started ahead",
            Self::Supergateway | Self::Mcpway => "a process per session, no sandbox",
            Self::McpProxy => "one process for all",
        }
    }

    /// Whether each session has a process of its own, so that it compares with Sessile's.
    pub fn starts_processes(self) -> bool {
        !matches!(self, Self::BareEcho | Self::OwnHttp | Self::McpProxy)
    }

    /// Whether it is one of the other gateways.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::Supergateway | Self::Mcpway | Self::McpProxy)
    }

    /// The options to reach it at `url`.
    pub fn endpoint(self, url: &str, backend: &Backend) -> EndpointArgs {
        let tool = match self {
            Self::McpProxy => format!("bench/{}", backend.tool),
            _ => backend.tool.clone(),
        };
        let mut args = EndpointArgs::new(url, &tool, &backend.tool_args);
        if self == Self::Mcpway {
            // mcpway 0.2.1 finds the request of an answer by its id only when that is a string.
            args.ids = IdStyle::Text;
        }
        args
    }
}

/// Starts a target.
///
/// # Errors
/// When it is not there, cannot be started, or does not come to listen.
pub async fn start(kind: Kind, backend: &Backend, places: &Places) -> anyhow::Result<Running> {
    let folder = places.scratch.join(format!("{kind:?}"));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let log = folder.join("log");
    match kind {
        Kind::BareEcho => {
            let echo = places.programs.join("bench-echo").display().to_string();
            Running::printing(&[echo], &log).await
        }
        Kind::OwnHttp => {
            anyhow::ensure!(!backend.http_args.is_empty(), "this backend serves no HTTP of its own");
            let program = backend.command.first().context("no command to start")?;
            let command: Vec<String> = std::iter::once(program).chain(&backend.http_args).cloned().collect();
            Running::printing(&command, &log).await
        }
        Kind::Sessile => sessile(backend, places, &folder, &log, None).await,
        Kind::SessilePool => sessile(backend, places, &folder, &log, Some(16)).await,
        Kind::Supergateway => peer::supergateway(backend, places, &log).await,
        Kind::Mcpway => peer::mcpway(backend, places, &log).await,
        Kind::McpProxy => peer::mcp_proxy(backend, places, &log, &folder).await,
    }
}

async fn sessile(
    backend: &Backend,
    places: &Places,
    folder: &Path,
    log: &Path,
    warm: Option<u32>,
) -> anyhow::Result<Running> {
    let file = folder.join("sessile.toml");
    std::fs::write(&file, manifest(backend, folder, warm))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let sessile = places.programs.join("sessile").display().to_string();
    let command = [sessile, "serve".to_owned(), "-c".to_owned(), file.display().to_string()];
    Running::printing(&command, log).await
}

/// A manifest with limits far above what a run opens, so that no limit is what gets measured.
pub(super) fn manifest(backend: &Backend, folder: &Path, warm: Option<u32>) -> String {
    let state = folder.join("state");
    let mut text = format!(
        "[node]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nstate_dir = {state:?}\n\
         sessions = 4000\nmemory = \"64TiB\"\n\n\
         [servers.bench]\ncommand = {:?}\n\n\
         [servers.bench.limits]\nsessions = 4000\nsessions_per_principal = 4000\nin_flight = 256\n",
        backend.command
    );
    if let Some(warm) = warm {
        text.push_str(&format!("\n[servers.bench.pool]\nwarm = {warm}\n"));
    }
    text
}
