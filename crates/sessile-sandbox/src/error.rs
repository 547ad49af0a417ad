//! Why a sandbox could not be started, and what the operator can do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a sandbox could not be started. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program is not in any directory of `PATH`, or not at the path that was given.
    #[error(
        "command `{command}` is not in the sandbox (searched {searched}); make it visible with `--read PATH` or `files.read_only`"
    )]
    CommandNotFound {
        /// As it was asked for.
        command: String,
        /// The directories searched, or the one path tried.
        searched: String,
    },
    /// The program is there and cannot be run.
    #[error(
        "`{path}` cannot be run: {source}; check that it is a program and may be executed by others than its owner"
    )]
    NotExecutable {
        /// Inside the sandbox.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program is there, but what it needs to run is not visible inside.
    #[error(
        "`{path}` needs `{interpreter}`, which is not in the sandbox; make it visible with `--read PATH` or `files.read_only`"
    )]
    MissingInterpreter {
        /// The program, inside the sandbox.
        path: String,
        /// The interpreter of its first line, or its dynamic loader.
        interpreter: String,
    },
    /// The working directory cannot be entered.
    #[error("the working directory `{path}` cannot be entered inside the sandbox: {source}")]
    WorkingDirectory {
        /// Inside the sandbox.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A namespace could not be made.
    #[error("the kernel refused {what}: {source}; {hint}")]
    Namespace {
        /// Which one.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
        /// What the operator can do.
        hint: String,
    },
    /// A part of the file system inside could not be made.
    #[error("cannot {step} `{path}` for the sandbox: {source}; {hint}")]
    Mount {
        /// What was being done: `show`, `overlay`, …
        step: String,
        /// On the host or inside, whichever failed.
        path: String,
        /// What the kernel said.
        source: io::Error,
        /// What the operator can do.
        hint: String,
    },
    /// A cgroup could not be made or set.
    #[error("cannot set up cgroup `{}`: {source}; delegate a cgroup (`systemd-run --user --scope -p Delegate=yes …`) or leave the limit out", path.display())]
    Cgroup {
        /// The directory or file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Giving up privileges failed, so nothing was started.
    #[error("cannot confine the server: {what}: {source}")]
    Confine {
        /// The step.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// `start_timeout` went by.
    #[error("the sandbox did not start within {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// The first process of the sandbox ended before the server ran.
    #[error("the sandbox's init ended during the start: {why}")]
    InitDied {
        /// What is known of it.
        why: String,
    },
    /// The specification asks for what cannot be.
    #[error("the sandbox cannot be as asked: {what}")]
    InvalidSpec {
        /// What is wrong with it.
        what: String,
    },
    /// The runtime itself has run out of something: descriptors, memory, processes.
    #[error("cannot {what}: {source}")]
    Host {
        /// What was being done.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl StartError {
    /// Whether the specification is at fault (command, files), so that starting it again cannot help,
    /// rather than this host or the moment.
    #[must_use]
    pub fn is_the_specs(&self) -> bool {
        match self {
            Self::CommandNotFound { .. }
            | Self::NotExecutable { .. }
            | Self::MissingInterpreter { .. }
            | Self::WorkingDirectory { .. }
            | Self::Mount { .. }
            | Self::InvalidSpec { .. } => true,
            Self::Namespace { .. }
            | Self::Cgroup { .. }
            | Self::Confine { .. }
            | Self::Timeout { .. }
            | Self::InitDied { .. }
            | Self::Host { .. } => false,
        }
    }

    /// Wraps an error of the host with what was being done, for use with `map_err`.
    pub(crate) fn host(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Host { what, source }
    }
}

/// Why a sandbox of a runtime that is gone could not be taken over. It ends itself when its grace is over.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} sandbox {sandbox}, which another runtime left: {source}")]
pub struct AdoptError {
    /// Its name.
    pub sandbox: String,
    /// What was being done.
    pub what: &'static str,
    /// What went wrong.
    pub source: io::Error,
}

impl AdoptError {
    /// Whether there is no such sandbox any more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
    }
}

/// Why a driver cannot work on this host at all.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// `sessile-init` could not be prepared in memory.
    #[error("cannot keep sessile-init in memory: {0}")]
    InitImage(io::Error),
    /// The process that tidies up after a killed runtime could not be started.
    #[error("cannot start the keeper: {0}")]
    Keeper(io::Error),
    /// The directory where the next runtime is to find the sandboxes could not be made.
    #[error("cannot use {}: {source}; name a state directory that this user may write to", path.display())]
    Rendezvous {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A trial sandbox could not be started.
    #[error(
        "this host cannot isolate processes: {0}; `--isolation none --allow-unsandboxed` runs servers without protection"
    )]
    Trial(#[source] StartError),
}
