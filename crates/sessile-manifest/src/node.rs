//! The `[node]` table: what concerns the node and not one server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;
use crate::{ServerName, Size};

/// Settings of the node, with `~` and relative paths resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// Where MCP is served. Port 0 picks a free one.
    #[schemars(with = "String", extend("x-value" = "address"))]
    pub listen: SocketAddr,
    /// Where the admin API and the metrics are served. Port 0 picks a free one.
    #[schemars(with = "String", extend("x-value" = "address"))]
    pub admin: SocketAddr,
    /// Directory for what outlives the node: installed packages and the record of sessions.
    #[schemars(extend("x-value" = "path"))]
    pub state_dir: PathBuf,
    /// Let callers in that do not authenticate, from anywhere and even where there are keys.
    pub allow_anonymous: bool,
    /// File of API-key digests, one `NAME sha256:HEX` per line. With it, every caller must have a key.
    #[schemars(with = "String", extend("x-value" = "path"))]
    pub api_keys: Option<PathBuf>,
    /// `Host` values that are served besides those of the listener's own address, such as
    /// `mcp.example.com` or `mcp.example.com:8443`.
    #[schemars(with = "Vec<HostText>")]
    pub allowed_hosts: Vec<String>,
    /// `Origin` values of browser pages that may call, such as `https://app.example.com`.
    #[schemars(with = "Vec<OriginText>")]
    pub allowed_origins: Vec<String>,
    /// Serve the HTTP+SSE transport of 2024-11-05 as well.
    pub sse_2024: bool,
    /// The server that `/mcp` leads to when there are several; `/NAME/mcp` leads to any.
    #[schemars(with = "ServerName")]
    pub default_server: Option<ServerName>,
    /// Time that running calls get to finish when the node stops.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "1h"))]
    pub drain: Duration,
    /// Sessions of all servers at one time.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions: u32,
    /// Memory that all sessions, and those that are kept warm, may have together; each counts with its `limits.memory`.
    /// Without it, a multiple of what the host has, as few sessions reach their limit.
    #[schemars(with = "Size", extend("x-minimum" = "4MiB", "x-maximum" = "1024TiB"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Processors that all sessions, and those that are kept warm, may have together, in cores; each counts with its
    /// `limits.cpu`. Without it they are not counted: the kernel shares the processors among those who want them.
    #[schemars(with = "f64", range(min = 0.01, max = 1_000_000.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Starts that may wait for a place on the node; callers take turns. 0 refuses at once.
    #[schemars(range(min = 0, max = 100_000))]
    pub queue: u32,
    /// Time that a start waits for a place.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "10m"))]
    pub queue_timeout: Duration,
    /// Bytes of the disk that hibernated sessions may take in `state_dir`. Those that sleep longest make room for others.
    #[schemars(extend("x-minimum" = "0B", "x-maximum" = "1024TiB"))]
    pub hibernation_disk: Size,
    /// Memory for templates of machines (isolation `microvm`), from which sessions start faster than they boot. Each takes the memory of one
    /// machine, beside `memory`; those that are not used for longest make room for others. 0 boots every machine.
    #[schemars(extend("x-minimum" = "0B", "x-maximum" = "1024TiB"))]
    pub template_memory: Size,
    /// HTTP proxy that everything goes through which servers reach of the network: `http://HOST:PORT`. It resolves the names, so that
    /// only names are checked here. Without it, the gates connect by themselves.
    #[schemars(with = "String", extend("x-value" = "proxy"))]
    pub egress_proxy: Option<String>,
    /// File with what `egress_proxy` asks for, as one line `USER:PASSWORD`; nobody else may read it.
    #[schemars(with = "String", extend("x-value" = "path"))]
    pub egress_proxy_credentials: Option<PathBuf>,
    /// Ended sessions that are remembered, so that their clients learn why they ended.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub ended_sessions_kept: u32,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8300).into(),
            admin: (Ipv4Addr::LOCALHOST, 8301).into(),
            state_dir: PathBuf::from("~/.local/state/sessile"),
            allow_anonymous: false,
            api_keys: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            sse_2024: false,
            default_server: None,
            drain: Duration::from_secs(30),
            sessions: 1000,
            memory: None,
            cpu: None,
            queue: 256,
            queue_timeout: Duration::from_secs(5),
            hibernation_disk: Size::gib(10),
            template_memory: Size::gib(2),
            egress_proxy: None,
            egress_proxy_credentials: None,
            ended_sessions_kept: 1000,
        }
    }
}

/// How an entry of `allowed_hosts` looks in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("x-value" = "host"))]
struct HostText(#[allow(dead_code, reason = "describes the text")] String);

/// How an entry of `allowed_origins` looks in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("x-value" = "origin"))]
struct OriginText(#[allow(dead_code, reason = "describes the text")] String);
