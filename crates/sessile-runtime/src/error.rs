//! What can go wrong between a request and its session, and whose fault it is.

use crate::admission::Full;
use crate::stop::StopReason;
use serde_json::json;
use sessile_protocol::ErrorObject;
use sessile_protocol::error as code;
use sessile_protocol::meta::TASKS;
use std::path::PathBuf;
use std::time::Duration;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request could never have worked.
    Client,
    /// The hosted server failed.
    Server,
    /// Sessile or its limits.
    Node,
}

/// Why a session could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// `sessions_per_principal` live sessions already belong to this caller.
    #[error("you already have {limit} sessions of this server, which is its limit per caller; end one or wait")]
    PrincipalFull {
        /// The limit.
        limit: u32,
    },
    /// `sessions` live sessions of this server exist already.
    #[error("this server already runs {limit} sessions, which is its limit; try again later")]
    ServerFull {
        /// The limit.
        limit: u32,
    },
    /// Another session of this caller has its workspace, and did not end while the start waited.
    #[error("{} has your workspace, which one session at a time can have; end that one, or try again later",
        holder.as_ref().map_or("another session of yours".to_owned(), |name| format!("your session {name}")))]
    WorkspaceBusy {
        /// The public name of that session; its owner and this caller are the same principal.
        holder: Option<String>,
    },
    /// The workspace holds twice of what it may, so that a session that only tidied up would not do.
    #[error("your workspace holds more than twice of what it may ({limit} bytes); its operator must remove some of it")]
    WorkspaceFull {
        /// Where it is. For the operator.
        directory: PathBuf,
        /// What it may hold, in bytes.
        limit: u64,
    },
    /// The node has no room for another session, and did not get any while the start waited.
    #[error("{0}; try again later")]
    NodeFull(Full),
    /// The node is shutting down.
    #[error("this node is shutting down; try again on another one, or later")]
    Draining,
    /// Five starts in a row failed; the circuit breaker is open.
    #[error("this server failed to start {reason}; not tried again for {} s", retry_after.as_secs())]
    BreakerOpen {
        /// How long until the next try.
        retry_after: Duration,
        /// What the last try failed with.
        reason: String,
    },
    /// The sandbox or the server process could not be started.
    #[error("the server did not start: {reason}")]
    StartFailed {
        /// What failed, and what the operator can do.
        reason: String,
        /// The last lines of stderr, if the process got that far.
        stderr_tail: String,
    },
    /// The server was started, and refused to be opened.
    #[error("the server refused to be opened: {}", error.message)]
    NotOpened {
        /// What it said.
        error: Box<ErrorObject>,
        /// The last lines of stderr.
        stderr_tail: String,
    },
    /// The operating system gave no randomness for a session id.
    #[error("no randomness for a session id: {0}")]
    NoRandomness(String),
}

impl OpenError {
    /// Whose fault it is.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::StartFailed { .. } | Self::NotOpened { .. } | Self::BreakerOpen { .. } => Side::Server,
            Self::PrincipalFull { .. } | Self::WorkspaceBusy { .. } | Self::WorkspaceFull { .. } => Side::Client,
            _ => Side::Node,
        }
    }

    /// When trying again makes sense, if at all.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::PrincipalFull { .. }
            | Self::ServerFull { .. }
            | Self::WorkspaceBusy { .. }
            | Self::NodeFull(_)
            | Self::Draining => Some(Duration::from_secs(5)),
            Self::BreakerOpen { retry_after, .. } => Some(*retry_after),
            Self::StartFailed { .. } | Self::NotOpened { .. } | Self::WorkspaceFull { .. } | Self::NoRandomness(_) => {
                None
            }
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn to_error(&self) -> ErrorObject {
        let (code, data) = match self {
            Self::PrincipalFull { limit } | Self::ServerFull { limit } => (code::BUSY, json!({ "limit": limit })),
            Self::WorkspaceBusy { holder } => (code::BUSY, json!({ "reason": "workspace_busy", "heldBy": holder })),
            Self::WorkspaceFull { limit, .. } => (code::START_FAILED, json!({ "reason": "disk_full", "limit": limit })),
            Self::NodeFull(full) => (code::BUSY, full.to_json()),
            Self::Draining => (code::BUSY, json!({ "reason": "node_shutdown" })),
            Self::BreakerOpen { retry_after, .. } => {
                (code::START_FAILED, json!({ "reason": "start_failed", "retryAfter": retry_after.as_secs() }))
            }
            Self::StartFailed { stderr_tail, .. } => {
                (code::START_FAILED, json!({ "reason": "start_failed", "stderrTail": stderr_tail }))
            }
            Self::NotOpened { error, .. } if error.code == code::START_FAILED || error.code == code::SERVER_GONE => {
                return (**error).clone();
            }
            Self::NotOpened { error, stderr_tail } => {
                (code::START_FAILED, json!({ "reason": "start_failed", "error": error, "stderrTail": stderr_tail }))
            }
            Self::NoRandomness(_) => (code::INTERNAL_ERROR, json!({})),
        };
        ErrorObject::new(code, self.to_string()).with_data(data)
    }
}

/// Why a session could not take a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no such session for this caller: unknown, ended, or somebody else's.
    #[error("no such session: initialize again{}", ended.as_ref().map_or(String::new(), |reason| format!(" (it ended: {})", reason.as_str())))]
    NotFound {
        /// Why it ended, when it was the caller's own.
        ended: Option<StopReason>,
    },
    /// `in_flight` requests are already running and the queue wait ran out.
    #[error("this session already has {limit} requests in flight; try again later")]
    Busy {
        /// The limit.
        limit: u32,
    },
    /// The bridge refused the message.
    #[error("{0}")]
    Refused(#[from] sessile_bridge::Refusal),
    /// It sleeps on: it could not be woken this time, and the next request tries again.
    #[error("this session is hibernated: {0}")]
    NotWoken(Box<OpenError>),
    /// More waits for the server's stdin than may be held.
    #[error("the server does not read its input; {queued} bytes already wait for it")]
    InputFull {
        /// Bytes waiting.
        queued: usize,
    },
}

impl SessionError {
    /// Whose fault it is.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::NotFound { .. } | Self::Busy { .. } | Self::Refused(_) => Side::Client,
            Self::NotWoken(error) => error.side(),
            Self::InputFull { .. } => Side::Server,
        }
    }

    /// Whether the message certainly had no effect, so that a client may send it again. Always: a message
    /// that was handed to the server is never reported with this type.
    #[must_use]
    pub fn is_safe_to_retry(&self) -> bool {
        true
    }

    /// What the client is told.
    #[must_use]
    pub fn to_error(&self) -> ErrorObject {
        let (code, data) = match self {
            Self::NotWoken(error) => {
                let ErrorObject { code, data, .. } = error.to_error();
                (code, data)
            }
            Self::NotFound { ended } => (code::SESSION_NOT_FOUND, ended.map(|reason| json!({ "reason": reason }))),
            Self::Busy { limit } => (code::BUSY, Some(json!({ "limit": limit }))),
            Self::Refused(refusal) => (refusal.code(), None),
            Self::InputFull { queued } => (code::BUSY, Some(json!({ "queuedBytes": queued }))),
        };
        ErrorObject { data, ..ErrorObject::new(code, self.to_string()) }
    }
}

/// Why a modern request was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModernFault {
    /// No session could be opened for it.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// Its session did not take it.
    #[error("{0}")]
    Session(SessionError),
    /// Its headers do not mirror its arguments.
    #[error("{0}")]
    HeaderMismatch(String),
    /// Something in its parameters is wrong.
    #[error("{message}")]
    Invalid {
        /// What, and what to write instead.
        message: String,
        /// The same for programs.
        reason: &'static str,
    },
    /// It must name a session, and does not.
    #[error(
        "this server needs to know which session is meant: send the header Sessile-Session or \
         _meta[\"dev.sessile/session\"] with a name of your choice, a handle that open_session gave you, or credentials \
         of your own"
    )]
    KeyRequired,
    /// It is about a task, and its client did not declare that it knows tasks.
    #[error("the client must declare the extension {TASKS} to ask about tasks")]
    MissingTasks,
    /// Its request state is none of this node's for this caller and request, or was used before.
    #[error("request state is not valid, start the request anew")]
    StateInvalid,
    /// Its request state was good once.
    #[error("input came too late, start the request anew")]
    InputExpired,
    /// The session that it would go on in has ended.
    #[error("the session that this request belongs to has ended: {}; start the request anew", .0.as_str())]
    Ended(StopReason),
    /// The server refused to be opened.
    #[error("{}", .0.message)]
    Server(Box<ErrorObject>),
    /// The session ended without an answer.
    #[error("the session ended before the answer")]
    NoAnswer,
    /// The ledger cannot be read or written.
    #[error("tasks are not available: {0}")]
    Ledger(String),
    /// The operating system gave no randomness.
    #[error("no randomness for a session: {0}")]
    NoRandomness(String),
}

impl From<SessionError> for ModernFault {
    /// A session that has ended is nothing that a modern client could initialize again.
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound { ended } => Self::Ended(ended.unwrap_or(StopReason::MaxLifetime)),
            SessionError::NotWoken(error) => Self::Open(*error),
            error => Self::Session(error),
        }
    }
}

impl ModernFault {
    /// What the client is told.
    #[must_use]
    pub fn to_error(&self) -> ErrorObject {
        let with_reason =
            |code, reason: &str| ErrorObject::new(code, self.to_string()).with_data(json!({ "reason": reason }));
        match self {
            Self::Open(error) => error.to_error(),
            Self::Session(SessionError::Refused(refusal)) => refusal.to_object(),
            Self::Session(error) => error.to_error(),
            Self::HeaderMismatch(_) => ErrorObject::new(code::HEADER_MISMATCH, self.to_string()),
            Self::Invalid { reason, .. } => with_reason(code::INVALID_PARAMS, reason),
            Self::KeyRequired => with_reason(code::INVALID_PARAMS, "session_required"),
            Self::MissingTasks => ErrorObject::new(code::MISSING_CLIENT_CAPABILITY, self.to_string())
                .with_data(json!({ "requiredCapabilities": { "extensions": { TASKS: {} } } })),
            Self::StateInvalid => with_reason(code::INVALID_PARAMS, "request_state_invalid"),
            Self::InputExpired => with_reason(code::INVALID_PARAMS, "input_expired"),
            Self::Ended(reason) => with_reason(code::SERVER_GONE, reason.as_str()),
            Self::Server(error) => (**error).clone(),
            Self::NoAnswer => ErrorObject::new(code::SERVER_GONE, self.to_string()),
            Self::Ledger(_) | Self::NoRandomness(_) => ErrorObject::new(code::INTERNAL_ERROR, self.to_string()),
        }
    }
}

/// What requests in flight are answered when their session ends. A server that ended before it had answered
/// `initialize` (`started`) has failed to start, whatever ended it.
pub(crate) fn gone(
    reason: StopReason,
    started: bool,
    exit: &str,
    stderr_tail: &str,
    hint: Option<&str>,
    session_id: &str,
) -> ErrorObject {
    let code = match reason {
        StopReason::StartTimeout | StopReason::StartFailed => code::START_FAILED,
        StopReason::ServerExit | StopReason::OutOfMemory | StopReason::ProtocolViolation if !started => {
            code::START_FAILED
        }
        _ => code::SERVER_GONE,
    };
    let mut message = format!("the session ended before the answer: {} ({exit})", reason.as_str());
    let mut data = json!({
        "reason": reason,
        "exit": exit,
        "stderrTail": stderr_tail,
        "sessionId": session_id,
    });
    if let (Some(hint), Some(members)) = (hint, data.as_object_mut()) {
        message = format!("{message}; {hint}");
        members.insert("hint".to_owned(), hint.into());
    }
    ErrorObject::new(code, message).with_data(data)
}
