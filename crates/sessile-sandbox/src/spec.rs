//! What a sandbox is to be: the order that a driver carries out.

use serde::Serialize;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Everything a driver needs to know to start one sandbox.
#[derive(Clone, Debug)]
pub struct SandboxSpec {
    /// Names the sandbox in cgroup paths and messages; unique among the sandboxes of a node.
    pub id: SandboxId,
    /// The program and its arguments. A program without a slash is searched in `PATH` of [`env`](Self::env), inside the sandbox.
    pub command: Vec<String>,
    /// The complete environment of the server; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// The server's working directory, as seen inside. Absolute.
    pub cwd: PathBuf,
    /// What the server sees besides `/dev` and `/proc`. A target inside another one is laid over it, whatever the order here.
    pub files: Vec<FileView>,
    /// What it may use up.
    pub limits: Limits,
    /// What it may reach.
    pub network: Network,
    /// The host name inside: 1 to 64 bytes.
    pub hostname: String,
    /// How long the sandbox lives on after the runtime vanished.
    pub orphan_grace: Duration,
    /// What the sandbox keeps for the runtime that comes next, should this one be gone: [`Driver::adopt`](crate::Driver::adopt) gives it
    /// back with the sandbox. `None` for a sandbox that nobody is to take over. Of no effect where the driver keeps nothing.
    pub estate: Option<Arc<OwnedFd>>,
    /// A further descriptor that is given back with the [estate](Self::estate), and only with one.
    pub kept: Option<Arc<OwnedFd>>,
    /// What init holds open until the sandbox ends, also where the runtime ends before: a lock that is to live as long.
    pub held: Option<Arc<OwnedFd>>,
    /// What the server finds open beside its standard streams, as descriptors 3, 4, …, and nobody else inside: not init once the server
    /// runs, and no further command. At most 4. They are shared with the server as `dup(2)` shares, offset and all. No manifest
    /// can ask for any, and only the process driver takes them.
    pub given: Vec<Arc<OwnedFd>>,
    /// Text that whoever starts the sandbox wants to have back when it is adopted, of no meaning to the driver: kept with the
    /// [estate](Self::estate), and only with one.
    pub note: Option<String>,
    /// How long the start may take before it is given up as [`StartError::Timeout`](crate::StartError::Timeout).
    pub start_timeout: Duration,
}

impl SandboxSpec {
    /// A sandbox that runs `command` in `/`, with an empty environment, sees nothing of the host, is reached and reaches over its own
    /// loopback only, is called as its id, ends with the runtime, and has 30 s to start. Limits are those of [`Limits::default`].
    #[must_use]
    pub fn new(id: SandboxId, command: Vec<String>) -> Self {
        Self {
            hostname: id.as_str().to_owned(),
            id,
            command,
            env: Vec::new(),
            cwd: "/".into(),
            files: Vec::new(),
            limits: Limits::default(),
            network: Network::Loopback,
            orphan_grace: Duration::ZERO,
            estate: None,
            kept: None,
            held: None,
            given: Vec::new(),
            note: None,
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// A sandbox's name: 1 to 64 of `a`–`z`, `0`–`9` and `-`, so that it is safe as one path component.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SandboxId(String);

/// The longest [`SandboxId`], in bytes.
const MAX_ID: usize = 64;

impl SandboxId {
    /// Takes `name` as an id.
    ///
    /// # Errors
    /// Gives the name back if it is empty, longer than 64 bytes, or holds anything but `a`–`z`, `0`–`9` and `-`.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidSandboxId> {
        let name = name.into();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MAX_ID).contains(&name.len()) && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(InvalidSandboxId(name))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that cannot be a [`SandboxId`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no sandbox id: use 1 to 64 of a-z, 0-9 and `-`")]
pub struct InvalidSandboxId(pub String);

/// One thing that a server sees in its file system. Targets are absolute paths inside; missing parents come into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileView {
    /// A file or directory of the host, with everything mounted below it; nothing in it can be changed.
    ///
    /// A source that its owner keeps from others (`0700`) is shown to the server as its owner sees it.
    ReadOnly {
        /// On the host: absolute, and free of symbolic links, so that nothing can be exchanged under it.
        source: PathBuf,
        /// Inside.
        target: PathBuf,
    },
    /// A file or directory of the host that the server may change, as if it were its owner.
    Writable {
        /// On the host: absolute, and free of symbolic links.
        source: PathBuf,
        /// Inside.
        target: PathBuf,
    },
    /// A private overlay on a directory of the host: reads fall through, writes go to private memory, the host never changes.
    ///
    /// For a microVM, at `/`: the image that is its root, an erofs file.
    CopyOnWrite {
        /// On the host: absolute, and free of symbolic links.
        source: PathBuf,
        /// Inside.
        target: PathBuf,
    },
    /// A character device of the host, at the same place. For the monitors of machines; a server never gets one.
    Device {
        /// On the host, below `/dev`.
        source: PathBuf,
    },
    /// A fresh, empty directory of the sandbox's own.
    Private {
        /// Inside.
        target: PathBuf,
    },
    /// A generated file that cannot be changed.
    Text {
        /// Inside.
        target: PathBuf,
        /// What it holds.
        content: String,
    },
    /// A symbolic link.
    Symlink {
        /// Where the link lies, inside.
        target: PathBuf,
        /// What it says.
        to: PathBuf,
    },
}

impl FileView {
    /// Where it lies, inside the sandbox.
    #[must_use]
    pub fn target(&self) -> &PathBuf {
        match self {
            Self::ReadOnly { target, .. }
            | Self::Writable { target, .. }
            | Self::CopyOnWrite { target, .. }
            | Self::Device { source: target }
            | Self::Private { target }
            | Self::Text { target, .. }
            | Self::Symlink { target, .. } => target,
        }
    }
}

/// What a sandbox may use up, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Memory in bytes, files in private directories included; swap is off.
    pub memory: Option<u64>,
    /// Processors: 0.5 is half of one.
    pub cpu: Option<f64>,
    /// Processes and threads, init included.
    pub pids: Option<u32>,
    /// Bytes over all private directories and overlays together.
    pub disk: Option<u64>,
    /// Open files of one process.
    pub open_files: u64,
}

impl Default for Limits {
    /// No limit but 4,096 open files.
    fn default() -> Self {
        Self { memory: None, cpu: None, pids: None, disk: None, open_files: 4096 }
    }
}

/// What a sandbox may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// A loopback interface of its own, and nothing else.
    Loopback,
    /// The same, and a socket that listens there for the gate: [`Sandbox::take_egress`](crate::Sandbox::take_egress).
    Gate,
    /// The host's network. For installing packages only; a server never gets it.
    Host,
}

/// The runtime's ends of a server's standard streams, non-blocking and close-on-exec.
#[derive(Debug)]
pub struct Pipes {
    /// Writes to the server.
    pub stdin: OwnedFd,
    /// Reads what the server says.
    pub stdout: OwnedFd,
    /// Reads what the server logs.
    pub stderr: OwnedFd,
}
