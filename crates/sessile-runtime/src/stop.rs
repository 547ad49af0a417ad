//! Why a session ended, and what is kept of it.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// Why a session ended. The words are part of the contract with clients and operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Neither a request in flight nor a parked call for `idle_timeout`.
    IdleTimeout,
    /// `max_lifetime` is over.
    MaxLifetime,
    /// The client sent `DELETE`.
    ClientDelete,
    /// The one request it was there for is over.
    RequestEnded,
    /// The client left before it learnt the session's id, so nobody could ever come back.
    ClientGone,
    /// An operator stopped it.
    AdminStop,
    /// The server process ended by itself.
    ServerExit,
    /// The sandbox reached its memory limit.
    OutOfMemory,
    /// Its workspace held more than `limits.disk`.
    DiskFull,
    /// The server could not be started, or refused to initialize.
    StartFailed,
    /// The server did not answer `initialize` within `start_timeout`.
    StartTimeout,
    /// The server kept sending what is not JSON-RPC.
    ProtocolViolation,
    /// The node is shutting down.
    NodeShutdown,
    /// The node was killed, and no other one went on with it in time.
    NodeLost,
    /// It was hibernated, and could not be woken.
    HibernationLost,
    /// It was hibernated, and had to make room on the disk for others.
    Evicted,
}

impl StopReason {
    /// The word in answers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdleTimeout => "idle_timeout",
            Self::MaxLifetime => "max_lifetime",
            Self::ClientDelete => "client_delete",
            Self::RequestEnded => "request_ended",
            Self::ClientGone => "client_gone",
            Self::AdminStop => "admin_stop",
            Self::ServerExit => "server_exit",
            Self::OutOfMemory => "out_of_memory",
            Self::DiskFull => "disk_full",
            Self::StartFailed => "start_failed",
            Self::StartTimeout => "start_timeout",
            Self::ProtocolViolation => "protocol_violation",
            Self::NodeShutdown => "node_shutdown",
            Self::NodeLost => "node_lost",
            Self::HibernationLost => "hibernation_lost",
            Self::Evicted => "evicted",
        }
    }
}

/// What is known of a session after its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostMortem {
    /// Why it ended.
    pub reason: StopReason,
    /// How the server process ended, in words: `exit code 3`, `signal 9 (SIGKILL)`, …
    pub exit: String,
    /// The last lines the server wrote to stderr, at most 8 KiB.
    pub stderr_tail: String,
    /// What the operator can do, where that is known: a path that was not visible, and the flag that shows it.
    pub hint: Option<String>,
    /// CPU time of the whole process tree, in milliseconds.
    pub cpu_ms: u64,
    /// Peak memory of the whole sandbox, in bytes, where the host can measure it.
    pub memory_peak: Option<u64>,
    /// How long the session lived, in milliseconds.
    pub lived_ms: u64,
    /// When it ended, in seconds since 1970.
    pub ended_at: u64,
}

/// Seconds since 1970 by the wall clock; 0 when the clock stands before that.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whole milliseconds, saturating.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
