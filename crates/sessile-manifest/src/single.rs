//! The manifest of `sessile run`: one command, no file.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use crate::read::GATE_PORT;
use crate::scope::SHARED;
use crate::{
    Command, Endpoint, EndpointPath, Files, Isolation, Kind, Limits, Manifest, ManifestErrors, Node, Pool, Problem,
    Scope, Server, ServerEra, ServerName, Surroundings, Values, Workspace,
};

/// What stands in for the name of a file in what the author is told.
const SAID_BY: &str = "sessile run";

/// What `sessile run` may say besides the command. The default is a node on the default addresses with
/// every limit at its default.
#[derive(Debug, Clone, Default)]
pub struct Single {
    /// Address for MCP.
    pub listen: Option<SocketAddr>,
    /// Address for the admin API.
    pub admin: Option<SocketAddr>,
    /// Directory for what outlives the node.
    pub state_dir: Option<PathBuf>,
    /// File of API-key digests.
    pub api_keys: Option<PathBuf>,
    /// Let callers in that do not authenticate.
    pub allow_anonymous: bool,
    /// Serve the HTTP+SSE transport of 2024-11-05 as well.
    pub sse_2024: bool,
    /// What keeps the sessions apart.
    pub isolation: Isolation,
    /// The session of a modern request that carries no session key.
    pub scope: Option<Scope>,
    /// Add `open_session`, `close_session` and the argument `session` to the server's tools.
    pub handles: bool,
    /// The era that the server speaks.
    pub era: ServerEra,
    /// Port on which the command speaks HTTP inside its sandbox; without one it speaks over stdio.
    pub port: Option<NonZeroU16>,
    /// Path at which it does so.
    pub path: EndpointPath,
    /// Environment variables for the command.
    pub env: Values,
    /// Working directory of the command on the host.
    pub cwd: Option<PathBuf>,
    /// Host paths that can be read inside.
    pub read_only: Vec<PathBuf>,
    /// Host paths that can also be written inside.
    pub read_write: Vec<PathBuf>,
    /// How many sandboxes are started ahead of need.
    pub pool: Pool,
    /// What the server may reach of the network: `host:port` each.
    pub egress: Vec<String>,
    /// What the server may use.
    pub limits: Limits,
}

impl Manifest {
    /// The manifest that hosts `command` (program and arguments) as `name`. Relative paths start from
    /// the directory of `surroundings`.
    ///
    /// # Errors
    /// When the command is empty, or a path cannot be made absolute.
    pub fn single(
        name: ServerName,
        command: Vec<String>,
        options: Single,
        surroundings: &Surroundings,
    ) -> Result<Self, ManifestErrors> {
        let whole = |message: String| ManifestErrors::whole(SAID_BY, message);
        if command.first().is_none_or(String::is_empty) {
            return Err(whole("no command; write it behind `--`".to_owned()));
        }
        if options.port.is_some_and(|port| port.get() == GATE_PORT) && !options.egress.is_empty() {
            return Err(whole(format!(
                "--port {GATE_PORT} is where servers with --allow find their way out; let the server listen on another port"
            )));
        }
        if let (Isolation::Microvm, Some(path)) = (options.isolation, options.read_write.first()) {
            return Err(whole(format!(
                "--write {}: no directory of the host can be written from a microVM; leave it out, or choose --isolation process",
                path.display()
            )));
        }
        let resolve = |path: &PathBuf| surroundings.resolve(path).map_err(whole);
        let all = |paths: &[PathBuf]| paths.iter().map(resolve).collect::<Result<Vec<_>, _>>();
        let standard = Node::default();
        let node = Node {
            listen: options.listen.unwrap_or(standard.listen),
            admin: options.admin.unwrap_or(standard.admin),
            state_dir: match &options.state_dir {
                Some(path) => resolve(path)?,
                None => surroundings.default_state_dir().map_err(whole)?,
            },
            api_keys: options.api_keys.as_ref().map(resolve).transpose()?,
            allow_anonymous: options.allow_anonymous,
            sse_2024: options.sse_2024,
            ..standard
        };
        let files = Files {
            read_only: all(&options.read_only)?,
            read_write: all(&options.read_write)?,
            workspace: Workspace::Private,
        };
        let mut limits = options.limits;
        if options.port.is_some() && options.isolation == Isolation::None {
            // The port is one of the host: a second session would talk to the first one's server.
            limits = Limits { sessions: 1, sessions_per_principal: 1, ..limits };
        }
        let cwd = options.cwd.as_ref().map(resolve).transpose()?;
        let server = Server {
            isolation: options.isolation,
            scope: options.scope.unwrap_or_default(),
            handles: options.handles,
            era: options.era,
            pool: options.pool,
            limits,
            files,
            egress: options.egress,
            endpoint: options.port.map(|port| Endpoint { port, path: options.path }),
            ..Server::new(name, Kind::Command(Command { command, env: options.env, cwd }))
        };
        let warnings = match server.scope {
            Scope::Shared => vec![Problem {
                file: SAID_BY.to_owned(),
                place: None,
                key: "scope".to_owned(),
                message: SHARED.to_owned(),
                excerpt: None,
            }],
            _ => Vec::new(),
        };
        Ok(Self { node, servers: vec![server], warnings })
    }
}

#[cfg(test)]
mod tests;
