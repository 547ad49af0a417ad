//! Why an event was not taken.

use serde_json::json;
use sessile_protocol::error::{BUSY, INVALID_PARAMS, INVALID_REQUEST};
use sessile_protocol::{ErrorObject, RequestId};

/// Why an event was not taken. Nothing of it happened: of a refused batch no message reached the server.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A request with this id is open, or its late answer may still come.
    #[error("request id {0} is in use, choose another")]
    DuplicateId(RequestId),
    /// The session has as many open requests as it may have.
    #[error("session is busy: {limit} requests in flight, wait for one to end")]
    TooManyInFlight {
        /// The most there may be.
        limit: usize,
    },
    /// The session has as many GET streams as it may have.
    #[error("session has {limit} streams open, close one first")]
    TooManyConnections {
        /// The most there may be.
        limit: usize,
    },
    /// `Last-Event-ID` names no event that was sent in this session.
    #[error("last-event-id \"{id}\" names no event of this session, connect without it")]
    UnknownEventId {
        /// What the client sent.
        id: String,
    },
    /// Events after the one that `Last-Event-ID` names are no longer kept.
    #[error("events after \"{id}\" are no longer kept, connect without last-event-id")]
    EventIdGone {
        /// What the client sent.
        id: String,
    },
    /// `initialize` was sent before in this session.
    #[error("session is initialized already, start a new one to initialize again")]
    AlreadyInitialized,
    /// Several messages in one body, in a session whose version has no batches.
    #[error("batches exist in version 2025-03-26 only, send one message in each request")]
    BatchNotAllowed,
    /// `initialize` inside a batch.
    #[error("initialize must not be part of a batch, send it alone")]
    InitializeInBatch,
    /// The request state is not one of this session's, or was used before.
    #[error("request state is not valid, start the request anew")]
    StateInvalid,
    /// The call that the request state leads to waits no longer.
    #[error("input came too late, start the request anew")]
    InputExpired,
    /// There is no such task.
    #[error("there is no such task")]
    UnknownTask,
    /// The session is not one for this kind of message: a mistake of the caller.
    #[error("message does not belong to this session")]
    WrongSession,
    /// A request came without a connection to be answered on: a mistake of the caller.
    #[error("request has no connection to be answered on")]
    NoConnection,
    /// The connection's number is in use: a mistake of the caller.
    #[error("connection is open already")]
    ConnectionInUse,
    /// The server has ended.
    #[error("{}", .0.message)]
    ServerGone(ErrorObject),
}

impl Refusal {
    /// The JSON-RPC code.
    pub fn code(&self) -> i64 {
        match self {
            Self::TooManyInFlight { .. } | Self::TooManyConnections { .. } => BUSY,
            Self::StateInvalid | Self::InputExpired | Self::UnknownTask => INVALID_PARAMS,
            Self::ServerGone(error) => error.code,
            _ => INVALID_REQUEST,
        }
    }

    /// Whether the same event may be taken later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::TooManyInFlight { .. } | Self::TooManyConnections { .. })
    }

    /// The error as the client is told.
    pub fn to_object(&self) -> ErrorObject {
        match self {
            Self::ServerGone(error) => error.clone(),
            Self::StateInvalid => self.with_reason("request_state_invalid"),
            Self::InputExpired => self.with_reason("input_expired"),
            _ => ErrorObject::new(self.code(), self.to_string()),
        }
    }

    fn with_reason(&self, reason: &str) -> ErrorObject {
        ErrorObject::new(self.code(), self.to_string()).with_data(json!({ "reason": reason }))
    }
}
