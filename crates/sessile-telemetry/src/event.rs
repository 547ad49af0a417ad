//! The one event type.

use std::net::SocketAddr;
use std::time::Duration;

/// How a client's request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// The server answered with a result.
    Ok,
    /// The server answered with a JSON-RPC error.
    Error,
    /// `request_timeout` ran out.
    Timeout,
    /// The client cancelled it.
    Cancelled,
    /// The session ended before the answer.
    ServerGone,
    /// It never reached the side that was to answer.
    Undeliverable,
    /// Its client was asked something, and is to come back with the answers.
    InputRequired,
    /// It became a task that goes on without it.
    Task,
}

impl CallOutcome {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::ServerGone => "server_gone",
            Self::Undeliverable => "undeliverable",
            Self::InputRequired => "input_required",
            Self::Task => "task",
        }
    }
}

/// Why something a peer sent reached nobody. Counted, so that nothing is dropped silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropCause {
    /// The client left without a way to come back for the answer.
    ClientGone,
    /// An answer to a request that had already been answered (timeout, cancellation).
    LateAnswer,
    /// An answer whose id nobody asked with.
    UnknownAnswer,
    /// A server asked more than it may, or twice with one id.
    Refused,
    /// It came after the session had ended.
    ServerGone,
    /// Nobody who is there asked for it.
    NotWanted,
    /// The replay ring was full.
    RingFull,
    /// A line of the server's stdout that is not JSON-RPC.
    NotJsonRpc,
    /// A message of the server over the `message` limit.
    TooLarge,
    /// Server output on stderr beyond what is logged per second.
    StderrShed,
    /// Log lines about refused connections beyond what is logged per second; the refusals are counted each.
    EgressShed,
}

impl DropCause {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientGone => "client_gone",
            Self::LateAnswer => "late_answer",
            Self::UnknownAnswer => "unknown_answer",
            Self::Refused => "refused",
            Self::ServerGone => "server_gone",
            Self::NotWanted => "not_wanted",
            Self::RingFull => "ring_full",
            Self::NotJsonRpc => "not_json_rpc",
            Self::TooLarge => "too_large",
            Self::StderrShed => "stderr_shed",
            Self::EgressShed => "egress_shed",
        }
    }
}

/// How a session came by its sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartKind {
    /// It was started for this session.
    Cold,
    /// It was started ahead of need.
    Warm,
    /// It was copied for this session from a machine that had booted before.
    Template,
    /// Another runtime started it, and is gone.
    Adopted,
}

impl StartKind {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Template => "template",
            Self::Adopted => "adopted",
        }
    }
}

/// What became of a template of machines, or of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateOutcome {
    /// It is there.
    Made,
    /// It could not be made.
    NotMade,
    /// A copy came to nothing: a machine booted in its place.
    NotCopied,
    /// A copy has all of its memory to itself.
    NotShared,
    /// It was let go of.
    Gone,
}

impl TemplateOutcome {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::NotMade => "not_made",
            Self::NotCopied => "not_copied",
            Self::NotShared => "not_shared",
            Self::Gone => "gone",
        }
    }
}

/// How a session rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestKind {
    /// Written to the disk; nothing of its sandbox is left.
    Disk,
    /// Frozen where it is.
    Freeze,
}

impl RestKind {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Freeze => "freeze",
        }
    }
}

/// How the wait of a start for room on the node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waited {
    /// It got room.
    Granted,
    /// The time for it was over.
    TimedOut,
    /// Too many waited already, or no room would ever do.
    Refused,
    /// Its client left.
    Left,
    /// The node ended.
    Shutdown,
}

impl Waited {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Left => "left",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Why a sandbox is warm no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarmEnd {
    /// It became a session.
    Used,
    /// No session was opened for the time `pool.idle`.
    Idle,
    /// The server's code has changed.
    Stale,
    /// It had waited too long.
    Old,
    /// Its server ended by itself.
    Died,
    /// A start waited for what it held.
    MadeRoom,
    /// An operator stopped it.
    Stopped,
    /// The node ended.
    Shutdown,
}

impl WarmEnd {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Idle => "idle",
            Self::Stale => "stale",
            Self::Old => "old",
            Self::Died => "died",
            Self::MadeRoom => "made_room",
            Self::Stopped => "stopped",
            Self::Shutdown => "shutdown",
        }
    }
}

/// How an operator's command in a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecOutcome {
    /// With code 0.
    Ok,
    /// With another code.
    Code,
    /// By a signal: also when its client left, or its session ended.
    Signal,
    /// Nobody can say.
    Lost,
}

impl ExecOutcome {
    /// The word used in metrics labels and log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Code => "code",
            Self::Signal => "signal",
            Self::Lost => "lost",
        }
    }
}

/// Something that happened in the runtime.
///
/// `session` is always the public name of a session, never the id that a client presents.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the variants are documented; their fields are the words of the vocabulary")]
pub enum Event<'a> {
    /// A sandbox is about to be started for a new session.
    SessionStarting { server: &'a str, session: &'a str, principal: &'a str },
    /// The server process runs; `took` is the time from the request to the running process.
    SessionStarted { server: &'a str, session: &'a str, took: Duration, kind: StartKind },
    /// The sandbox could not be started.
    StartFailed { server: &'a str, session: &'a str, error: &'a str },
    /// A sandbox was started ahead of need.
    Warmed { server: &'a str, session: &'a str, took: Duration },
    /// It is warm no more; `detail` says more where there is more to say.
    WarmEnded { server: &'a str, session: &'a str, why: WarmEnd, detail: &'a str },
    /// What is taken of what the node has, each with its limit, and how many starts wait for more.
    Capacity { waiting: usize, sessions: (u64, u64), memory: (u64, Option<u64>), millicores: (u64, Option<u64>) },
    /// A start has waited for room on the node.
    Waited { took: Duration, how: Waited },
    /// A session is over; nothing of it is left.
    SessionEnded {
        server: &'a str,
        session: &'a str,
        reason: &'a str,
        exit: &'a str,
        lived: Duration,
        cpu: Duration,
        memory_peak: Option<u64>,
    },
    /// A session rests. `bytes` are those of its file, or those of its memory that were given back.
    SessionRests { server: &'a str, session: &'a str, kind: RestKind, bytes: u64, took: Duration },
    /// A session runs again.
    SessionWoken { server: &'a str, session: &'a str, kind: RestKind, took: Duration },
    /// A session could not rest, or not wake. `what` is `hibernate` or `wake`.
    RestFailed { server: &'a str, session: &'a str, what: &'static str, error: &'a str },
    /// A session that was on the disk is over; nothing of it is left. `why` says more where there is more to say.
    SleeperEnded { server: &'a str, session: &'a str, reason: &'a str, why: &'a str, lived: Duration },
    /// Something became of a template. `kind` are the machines that it is one of, `detail` is how long it took or why not; then what
    /// there is of templates, and the memory they take and may take, in bytes.
    Template { outcome: TemplateOutcome, kind: &'a str, detail: &'a str, kept: usize, bytes: u64, limit: u64 },
    /// What hibernated sessions take of the disk, and what they may.
    HibernationDisk { sessions: usize, bytes: u64, limit: u64 },
    /// A client's request was answered.
    CallEnded {
        server: &'a str,
        session: &'a str,
        request: &'a str,
        method: &'a str,
        subject: Option<&'a str>,
        outcome: CallOutcome,
        took: Duration,
    },
    /// A request was refused before it reached a server. `cause` is one of a fixed set of words.
    Refused { cause: &'static str },
    /// Something was dropped, and is counted.
    Dropped { server: &'a str, session: &'a str, cause: DropCause, count: u64, detail: &'a str },
    /// A line the server wrote to stderr (or a stray one on stdout).
    ServerOutput { server: &'a str, session: &'a str, stream: &'static str, line: &'a str },
    /// A connection to the outside was opened. `address` is the one that was checked and dialled.
    EgressOpened { server: &'a str, session: &'a str, target: &'a str, rule: &'a str, address: Option<SocketAddr> },
    /// A connection to the outside ended. Bytes are the server's: `sent` went out.
    EgressClosed { server: &'a str, session: &'a str, target: &'a str, sent: u64, received: u64, lasted: Duration },
    /// A connection to the outside was refused. `rule` is one of a fixed set of words; `told` is what the log says, unless it
    /// has said enough for this second.
    EgressRefused { server: &'a str, session: &'a str, rule: &'static str, told: Option<EgressTold<'a>> },
    /// A connection to the outside was allowed and could not be made.
    EgressUnreachable { server: &'a str, session: &'a str, target: &'a str, problem: &'a str },
    /// An operator's command runs in a session. `exec` is its number there, `who` what is known of who asked; `command` is one line
    /// that is safe to log, `env` the names of the variables that were set for it, never their values.
    ExecStarted {
        server: &'a str,
        session: &'a str,
        exec: u64,
        who: &'a str,
        command: &'a str,
        env: &'a str,
        terminal: bool,
    },
    /// It was asked for, and not run.
    ExecRefused { server: &'a str, session: &'a str, who: &'a str, command: &'a str, env: &'a str, error: &'a str },
    /// It ended; everything of it that stayed in its terminal session is gone. `exit` says how, in words.
    ExecEnded {
        server: &'a str,
        session: &'a str,
        exec: u64,
        who: &'a str,
        outcome: ExecOutcome,
        exit: &'a str,
        took: Duration,
    },
    /// An HTTP exchange was answered.
    Http { status: u16 },
}

/// What the log says of a connection that was refused.
#[derive(Clone, Copy, Debug)]
pub struct EgressTold<'a> {
    /// Why, naming what was asked for.
    pub reason: &'a str,
    /// What the server is not told, such as the addresses of a name.
    pub detail: Option<&'a str>,
}
