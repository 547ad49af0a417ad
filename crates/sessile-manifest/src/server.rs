//! One server: how to start it or where it is, and what its sessions may use.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Limits, Package, RemoteUrl, ServerName, Values};

/// A server of the manifest, fully resolved: defaults applied, paths absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its name, which is also its path: `/NAME/mcp`.
    pub name: ServerName,
    /// How it comes to be.
    pub kind: Kind,
    /// What keeps its sessions apart. Without meaning for [`Kind::Url`].
    pub isolation: Isolation,
    /// What it may use. Of these, [`Kind::Url`] knows only the counts and times.
    pub limits: Limits,
    /// What its sandboxes see of the host.
    pub files: Files,
}

/// How a server comes to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A program of this machine that speaks MCP over stdio.
    Command(Command),
    /// A program of a package registry that speaks MCP over stdio; installed once, started offline.
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
    /// A plain child process. Only with `--allow-unsandboxed`.
    None,
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

/// The directory that a session works in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Workspace {
    /// An empty directory for each session, gone with it.
    #[default]
    Private,
    /// A directory of the host, absolute, shared by the sessions of the server.
    Host(PathBuf),
}
