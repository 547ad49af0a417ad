//! The keys of `sessile.toml`, as they are written. The one source of the schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Isolation, Limits, Node, Pool, Scope, ServerEra, Tasks};

/// Which MCP servers a node hosts, how each is started, and what it may use.
#[derive(JsonSchema)]
#[schemars(title = "Sessile manifest", deny_unknown_fields)]
#[allow(dead_code, reason = "describes the file; its tables are read one by one")]
pub(crate) struct ManifestKeys {
    /// What concerns the node and not one server.
    #[schemars(default)]
    node: Node,
    /// Any key of a server, for all servers that do not say otherwise.
    #[schemars(default)]
    defaults: ServerKeys,
    /// The servers, by name. Each needs one of `command`, `package` and `url`.
    #[schemars(extend("propertyNames" = {
        "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$",
        "x-value": "server name",
    }))]
    servers: BTreeMap<String, ServerKeys>,
}

/// One server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerKeys {
    /// Program and arguments of a server that speaks MCP over stdio.
    #[schemars(with = "Vec<Argument>", length(min = 1))]
    pub(crate) command: Option<Vec<String>>,
    /// Package of a registry that is installed once and started offline: `npm:NAME@VERSION` or
    /// `pypi:NAME==VERSION`.
    #[schemars(with = "String", extend("x-value" = "package"))]
    pub(crate) package: Option<String>,
    /// Arguments for the program of `package`.
    #[schemars(with = "Vec<Argument>")]
    pub(crate) args: Vec<String>,
    /// Streamable HTTP endpoint of a server elsewhere, which is proxied without a sandbox.
    #[schemars(with = "String", extend("x-value" = "url"))]
    pub(crate) url: Option<String>,
    /// Headers sent to `url` with every request.
    #[schemars(with = "BTreeMap<String, HeaderText>", extend("propertyNames" = { "x-value": "header" }))]
    pub(crate) headers: BTreeMap<String, String>,
    /// Environment variables of the program; literals only.
    #[schemars(with = "BTreeMap<String, Argument>", extend("propertyNames" = { "x-value": "variable" }))]
    pub(crate) env: BTreeMap<String, String>,
    /// Working directory of `command` on the host; without one, the session's workspace.
    #[schemars(with = "String", extend("x-value" = "path"))]
    pub(crate) cwd: Option<PathBuf>,
    /// What keeps the sessions apart from each other and from the host.
    pub(crate) isolation: Isolation,
    /// Where the file system of a microVM comes from: `dir:/PATH`, `oci:/PATH[:TAG]`, or an image of a registry with its
    /// digest, `registry.example/name@sha256:…`.
    #[schemars(with = "String", extend("x-value" = "image"))]
    pub(crate) image: Option<String>,
    /// Refuse to start where this host cannot enforce everything that keeps the sessions apart and within their limits.
    pub(crate) strict: bool,
    /// The session of a modern request that carries no session key.
    pub(crate) scope: Scope,
    /// Add the tools `open_session` and `close_session`, and to every tool an optional argument `session`.
    pub(crate) handles: bool,
    /// The era that the server speaks.
    pub(crate) era: ServerEra,
    /// Give each session's server one call at a time; the others wait.
    pub(crate) serialize: bool,
    /// When a long call becomes a task, and how long its result waits.
    pub(crate) tasks: Tasks,
    /// How many sandboxes are started ahead of need.
    pub(crate) pool: Pool,
    /// What the server and each of its sessions may use.
    pub(crate) limits: Limits,
    /// What the sandboxes see of the host.
    pub(crate) files: FileKeys,
    /// What the sessions may reach of the network; nothing, unless it is listed here.
    pub(crate) egress: EgressKeys,
}

/// What a sandbox sees of the host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FileKeys {
    /// Host paths that can be read at the same place inside.
    #[schemars(with = "Vec<PathText>")]
    pub(crate) read_only: Vec<PathBuf>,
    /// Host paths that can also be written, by every session.
    #[schemars(with = "Vec<PathText>")]
    pub(crate) read_write: Vec<PathBuf>,
    /// `private` for an empty directory per session, `principal` for one per caller that is kept and that one session at a
    /// time has, or a host path.
    #[schemars(with = "String", extend("x-value" = "path", "default" = "private"))]
    pub(crate) workspace: Option<PathBuf>,
}

/// What the sessions may reach of the network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EgressKeys {
    /// `HOST:PORT` each: a name, `*.` and a name for all below it, an address, a network such as `10.0.0.0/8`, or `*`; the port
    /// is a number or `*`.
    pub(crate) allow: Vec<String>,
}

/// How an argument looks in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("x-value" = "argument"))]
struct Argument(#[allow(dead_code, reason = "describes the text")] String);

/// How the value of a header looks in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("x-value" = "header value"))]
struct HeaderText(#[allow(dead_code, reason = "describes the text")] String);

/// How a path looks in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("x-value" = "path"))]
struct PathText(#[allow(dead_code, reason = "describes the text")] String);
