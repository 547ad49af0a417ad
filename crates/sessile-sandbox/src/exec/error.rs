//! Why a command was not run in a sandbox, and what the operator can do.

use std::io;
use std::time::Duration;

/// Why a command was not run. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The server runs as a plain process: there is nothing to run a command inside of.
    #[error(
        "there is no inside: the server runs without a sandbox (isolation \"none\"); run the command on this machine"
    )]
    NotIsolated,
    /// The sandbox has ended, or is about to.
    #[error("the sandbox has ended")]
    Ended,
    /// The program is not in any directory of `PATH`, or not at the path that was given.
    #[error("command `{command}` is not in the sandbox (searched {searched})")]
    CommandNotFound {
        /// As it was asked for.
        command: String,
        /// The directories searched, or the one path tried.
        searched: String,
    },
    /// The program is there and cannot be run.
    #[error("`{path}` cannot be run inside the sandbox: {source}")]
    NotExecutable {
        /// Inside.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program is there, but what it needs to run is not.
    #[error("`{path}` needs `{interpreter}`, which is not in the sandbox")]
    MissingInterpreter {
        /// The program, inside.
        path: String,
        /// The interpreter of its first line, or its dynamic loader.
        interpreter: String,
    },
    /// The working directory cannot be entered.
    #[error("the working directory `{path}` cannot be entered inside the sandbox: {source}")]
    WorkingDirectory {
        /// Inside.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The request asks for what cannot be.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// The sandbox may have no further process.
    #[error("the sandbox is at its limit of processes (`limits.pids`)")]
    ProcessLimit,
    /// The kernel does not let the runtime into the sandbox.
    #[error(
        "the kernel does not let this process into the sandbox: {0}; around a container this takes SYS_ADMIN, SYS_CHROOT and \
         SYS_PTRACE (for Docker: `--cap-add SYS_ADMIN --cap-add SYS_PTRACE`)"
    )]
    NotLetIn(#[source] io::Error),
    /// The command would not have been confined as the server is, so it was not run.
    #[error("cannot confine the command as the server: {what}: {source}")]
    Confine {
        /// The step.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It took too long.
    #[error("the command did not start within {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// What was to start it ended.
    #[error("what was to start the command ended: {why}")]
    Lost {
        /// What is known of it.
        why: String,
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

impl ExecError {
    /// Wraps an error of the host with what was being done, for use with `map_err`.
    pub(crate) fn host(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Host { what, source }
    }
}
