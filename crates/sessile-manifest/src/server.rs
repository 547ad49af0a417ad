//! One server: how to start it or where it is, and what its sessions may use.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Endpoint, ImageRef, Limits, Package, Pool, RemoteUrl, Scope, ServerName, Tasks, Values, Workspace};

/// A server of the manifest, fully resolved: defaults applied, paths absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its name, which is also its path: `/NAME/mcp`.
    pub name: ServerName,
    /// How it comes to be.
    pub kind: Kind,
    /// Where it listens, if it speaks HTTP inside its sandbox and not over stdio. `None` for [`Kind::Url`].
    pub endpoint: Option<Endpoint>,
    /// What keeps its sessions apart. Without meaning for [`Kind::Url`].
    pub isolation: Isolation,
    /// Where the file system of its sessions comes from. Only with [`Isolation::Microvm`].
    pub image: Option<ImageRef>,
    /// Whether it must not start where the host cannot enforce all of [`isolation`](Self::isolation) and
    /// [`limits`](Self::limits). Without meaning for [`Kind::Url`].
    pub strict: bool,
    /// The session of a modern request that carries no session key. Without meaning for [`Kind::Url`].
    pub scope: Scope,
    /// Whether clients get the tools `open_session` and `close_session`, and every tool an optional
    /// argument `session` (SEP-2567). Without meaning for [`Kind::Url`].
    pub handles: bool,
    /// The era that it speaks. Without meaning for [`Kind::Url`].
    pub era: ServerEra,
    /// Whether it is given one call at a time, per session. Without meaning for [`Kind::Url`].
    pub serialize: bool,
    /// When its long calls become tasks. Without meaning for [`Kind::Url`].
    pub tasks: Tasks,
    /// How many of its sandboxes are started ahead of need. Without meaning for [`Kind::Url`].
    pub pool: Pool,
    /// What it may use. Of these, [`Kind::Url`] knows only the counts, and the times other than
    /// `park_timeout`.
    pub limits: Limits,
    /// What its sandboxes see of the host.
    pub files: Files,
    /// What its sessions may reach of the network, as written: `host:port` each. Without meaning for [`Kind::Url`].
    pub egress: Vec<String>,
}

impl Server {
    /// The server with everything else at its default.
    pub(crate) fn new(name: ServerName, kind: Kind) -> Self {
        Self {
            name,
            kind,
            endpoint: None,
            isolation: Isolation::default(),
            image: None,
            strict: false,
            scope: Scope::default(),
            handles: false,
            era: ServerEra::default(),
            serialize: false,
            tasks: Tasks::default(),
            pool: Pool::default(),
            limits: Limits::default(),
            files: Files::default(),
            egress: Vec::new(),
        }
    }
}

/// How a server comes to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A program of this machine.
    Command(Command),
    /// A program of a package registry; installed once, started offline.
    Package(PackageProgram),
    /// A server elsewhere, proxied over Streamable HTTP without a sandbox.
    Url(Remote),
}

/// A program to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Program and arguments; never empty.
    pub command: Vec<String>,
    /// Environment variables besides those that every sandbox has.
    pub env: Values,
    /// Working directory on the host, absolute; without one, the session's workspace.
    pub cwd: Option<PathBuf>,
}

/// A program to install and start.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageProgram {
    /// What to install.
    pub package: Package,
    /// Arguments for its program.
    pub args: Vec<String>,
    /// Environment variables besides those that every sandbox has.
    pub env: Values,
}

/// A server elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// Its Streamable HTTP endpoint.
    pub url: RemoteUrl,
    /// Headers sent with every request.
    pub headers: Values,
}

/// What keeps the sessions of a server apart from each other and from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Isolation {
    /// A sandbox of namespaces, mounts and control groups for each session.
    #[default]
    Process,
    /// A virtual machine with a kernel of its own for each session.
    Microvm,
    /// A plain child process. Only with `--allow-unsandboxed`.
    None,
}

/// The era of the protocol that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ServerEra {
    /// Found out by asking the server.
    #[default]
    Auto,
    /// 2024-11-05 to 2025-11-25: the server waits for `initialize`.
    Legacy,
    /// 2026-07-28 and later: every request carries its own metadata.
    Modern,
}

/// What a sandbox sees of the host, besides the system directories and the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Host paths that can be read at the same place inside; absolute.
    pub read_only: Vec<PathBuf>,
    /// Host paths that can also be written, by every session; absolute.
    pub read_write: Vec<PathBuf>,
    /// The directory that sessions work in.
    pub workspace: Workspace,
}
