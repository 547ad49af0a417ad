//! The words of the command line.

use crate::client::{CallArgs, SessionsArgs, ToolsArgs};
use crate::images::ImagesArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sessile_manifest::EndpointPath;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

/// Host MCP servers: every session in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(
    name = "sessile",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Try it:
  sessile run -- npx -y @modelcontextprotocol/server-everything
  sessile tools http://127.0.0.1:8300/mcp
  sessile call  http://127.0.0.1:8300/mcp echo --arg message=hello

Exit codes: 0 ok, 1 the thing asked for failed, 2 bad usage or manifest, 3 the host cannot do it."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: -v what was decided at start, -vv every request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log filter, such as `info,sessile::request=debug` (overrides -v).
    #[arg(long, global = true, env = "SESSILE_LOG", value_name = "FILTER", hide_env_values = true)]
    pub(crate) log: Option<String>,
    /// How log lines look on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Host one server, over stdio or with --port over HTTP: `sessile run -- COMMAND [ARG…]`
    Run(RunArgs),
    /// Host every server of a manifest (sessile.toml, or a .mcp.json as other tools write it)
    Serve(ServeArgs),
    /// Validate a manifest and say what this host can enforce
    Check(CheckArgs),
    /// List, show, stop, hibernate or resume the sessions of a running node, or run a command inside one
    Sessions(SessionsArgs),
    /// Call a tool, or come back to its task; asks elicitations on the terminal
    Call(CallArgs),
    /// List the tools of a server
    Tools(ToolsArgs),
    /// Build, list or remove the images that microVMs start from
    Images(ImagesArgs),
    /// Make an API key and store its hash
    Key(KeyArgs),
    /// Prepare this host for sessions in virtual machines
    Microvm(MicrovmArgs),
    /// The load generator
    Bench(Box<sessile_bench::Args>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Isolation {
    /// Namespaces, a root of its own, cgroups
    Process,
    /// A virtual machine with a kernel of its own; see docs/microvm.md
    Microvm,
    /// No sandbox at all; needs --allow-unsandboxed
    None,
}

/// The session of a request that names none, in the era without sessions (2026-07-28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// principal for callers with a key and on this machine, else request
    Auto,
    /// One session per caller and client application
    Principal,
    /// None: the request is refused
    Explicit,
    /// A session for the request alone
    Request,
    /// One session for everybody; only for servers without state
    Shared,
}

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Era {
    /// Asks the server
    Auto,
    /// 2024-11-05 to 2025-11-25, with initialize
    Legacy,
    /// 2026-07-28 and later
    Modern,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where clients connect; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where operators connect; port 0 picks a free one [default: 127.0.0.1:8301, or a free port with --listen]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// The server's name in paths, logs and metrics [default: the program's name]
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,
    /// What keeps a session apart from the host and from other sessions
    #[arg(long, value_enum, default_value_t = Isolation::Process)]
    pub(crate) isolation: Isolation,
    /// Which session a modern request belongs to that names none
    #[arg(long, value_enum, default_value_t = Scope::Auto)]
    pub(crate) scope: Scope,
    /// Add tools that open and close sessions, and to every tool an argument that names one
    #[arg(long)]
    pub(crate) handles: bool,
    /// The era of the protocol that the server speaks
    #[arg(long, value_enum, default_value_t = Era::Auto)]
    pub(crate) era: Era,
    /// The server speaks HTTP on this port inside its sandbox, and not over stdio
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<NonZeroU16>,
    /// With --port: the path at which it does so
    #[arg(long, value_name = "PATH", default_value = "/mcp", requires = "port")]
    pub(crate) path: EndpointPath,
    /// Keep so many sandboxes started ahead of need
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) warm: u32,
    /// Show a path of the host to the server, read-only
    #[arg(long, value_name = "PATH")]
    pub(crate) read: Vec<PathBuf>,
    /// Let the server write to a path of the host
    #[arg(long, value_name = "PATH")]
    pub(crate) write: Vec<PathBuf>,
    /// Let the server reach a host through the gate; see docs/egress.md for networks and wildcards
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) allow: Vec<String>,
    /// Set a variable in the server's environment (nothing is inherited)
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    pub(crate) env: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// The server's command line
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// The manifest [default: sessile.toml, else .mcp.json, in this directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where clients connect (overrides node.listen)
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where operators connect (overrides node.admin)
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// What `run` and `serve` have in common.
#[derive(Clone, Debug, Args)]
pub(crate) struct NodeArgs {
    /// File of API-key hashes; with it every caller needs a key (overrides node.api_keys)
    #[arg(long, value_name = "FILE")]
    pub(crate) api_keys: Option<PathBuf>,
    /// Directory for installed packages (overrides node.state_dir)
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Allow isolation = "none": servers run as plain processes of this user
    #[arg(long)]
    pub(crate) allow_unsandboxed: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The manifest [default: sessile.toml, else .mcp.json, in this directory, if there is one]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the JSON Schema of the manifest and nothing else
    #[arg(long, conflicts_with_all = ["config", "json", "start"])]
    pub(crate) schema: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Start every server once in a sandbox, to find out what it speaks; installs packages that are not installed yet
    #[arg(long)]
    pub(crate) start: bool,
    /// Where installed packages and what is known of servers are kept (overrides node.state_dir)
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// With --start: allow isolation = "none"
    #[arg(long, requires = "start")]
    pub(crate) allow_unsandboxed: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Who will hold the key; becomes the principal's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The key file to append the hash to; without it the line is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `NAME=VALUE`, for a variable.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct MicrovmArgs {
    #[command(subcommand)]
    pub(crate) command: MicrovmCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MicrovmCommand {
    /// Fetch a Debian cloud kernel for guests and unpack it, without installing it
    Setup(SetupArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// A kernel package at hand (linux-image-…-cloud-amd64….deb), instead of fetching one with apt-get
    #[arg(long, value_name = "FILE")]
    pub(crate) package: Option<PathBuf>,
    /// Where to put it [default: microvm/kernel in the state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Directory for what outlives the node
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}
