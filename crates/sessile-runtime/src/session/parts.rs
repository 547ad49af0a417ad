//! What a session is made of, and what it may use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sessile_bridge::{CallId, ServerProfile, Transport};
use sessile_identity::Principal;
use sessile_protocol::ErrorObject;
use sessile_telemetry::Telemetry;

use super::rest::RestKind;
use crate::admission::Permit;
use crate::book::Book;
use crate::hosted::Hosted;
use crate::memory::Epoch;
use crate::session_id::{SessionId, SessionName};
use crate::stderr::Tail;
use crate::tasks::TaskDesk;

/// The clocks and bounds of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    pub(crate) start_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    /// When it rests by itself.
    pub(crate) hibernate_after: Option<Duration>,
    pub(crate) max_lifetime: Duration,
    pub(crate) drain: Duration,
    pub(crate) in_flight: u32,
    pub(crate) message: usize,
}

/// How long a session is kept when nobody asks anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Span {
    /// Until its idle clock runs out.
    Idle,
    /// Not at all: it is there for one request, and for as long as that waits for its client.
    Request,
}

/// Whether a server has been opened.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    /// It has not answered yet.
    Pending,
    /// It has said who it is.
    Ready(Arc<ServerProfile>),
    /// It will not.
    Failed(ErrorObject),
}

/// What a session is made of, besides its sandbox.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) id: SessionId,
    pub(crate) name: SessionName,
    pub(crate) hosted: Arc<Hosted>,
    pub(crate) principal: Principal,
    pub(crate) opened: Instant,
    pub(crate) span: Span,
    pub(crate) tasks: Option<TaskDesk>,
    pub(crate) telemetry: Telemetry,
    pub(crate) permit: Permit,
    pub(crate) stderr: Arc<Tail>,
    /// What was known of the server when it was started.
    pub(crate) since: Epoch,
    /// Where it is written down for another runtime.
    pub(crate) book: Option<Book>,
    /// How it rests, if it can.
    pub(crate) rest_kind: Option<RestKind>,
    /// Whom it talks to.
    pub(crate) counterpart: Counterpart,
}

/// Whom a session talks to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Counterpart {
    /// Whom its request states are given to, if it gives any.
    pub(crate) caller: Option<String>,
    pub(crate) transport: Transport,
}

/// Where a retry leads back to.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    pub(crate) call: CallId,
    pub(crate) generation: u32,
    /// A modern server's own request state.
    pub(crate) inner: Option<String>,
}

impl SessionLimits {
    pub(crate) fn of(limits: &sessile_manifest::Limits) -> Self {
        Self {
            start_timeout: limits.start_timeout,
            idle_timeout: limits.idle_timeout,
            hibernate_after: None,
            max_lifetime: limits.max_lifetime,
            drain: limits.drain,
            in_flight: limits.in_flight,
            message: usize::try_from(limits.message.bytes()).unwrap_or(usize::MAX),
        }
    }
}
