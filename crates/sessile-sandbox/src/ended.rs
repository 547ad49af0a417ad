//! How a sandbox ended, and what it used.

use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The end of a sandbox: everything of it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// How the server ended.
    pub exit: Exit,
    /// What the whole process tree used.
    pub usage: Usage,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The kernel killed it because the sandbox reached its memory limit.
    OutOfMemory {
        /// The limit, in bytes; `None` when the host itself ran out.
        limit: Option<u64>,
        /// The most that was in use, in bytes, where the kernel says so.
        peak: Option<u64>,
    },
    /// The driver killed the whole tree, as it was asked to.
    Killed,
    /// The sandbox's machine ended, or broke the rules of its link, before the server's end was reported: its kernel panicked, or
    /// something in it took it over. The server's standard error ends with what is known.
    Crashed,
    /// The sandbox vanished without a report: something outside the runtime killed it.
    Lost,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Self::OutOfMemory { limit: Some(limit), .. } => write!(f, "out of memory (limit {limit} bytes)"),
            Self::OutOfMemory { limit: None, .. } => f.write_str("out of memory"),
            Self::Killed => f.write_str("killed by the runtime"),
            Self::Crashed => f.write_str("the virtual machine crashed"),
            Self::Lost => f.write_str("killed from outside the runtime"),
        }
    }
}

/// The signals that end a server in practice.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

/// What a sandbox has used since it started. What nobody can tell is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Processor time of all its processes.
    pub cpu: Duration,
    /// Memory in use now, in bytes.
    pub memory: Option<u64>,
    /// The most memory that was in use at once, in bytes.
    pub memory_peak: Option<u64>,
    /// Processes and threads now.
    pub pids: Option<u64>,
    /// Processes that the kernel killed at the memory limit.
    pub out_of_memory_kills: Option<u64>,
    /// Time spent waiting because the processor limit was reached.
    pub throttled: Option<Duration>,
}
