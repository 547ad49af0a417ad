//! What is worth logging and counting. Nothing is dropped without one of these.

use std::time::Duration;

use sessile_protocol::{Method, RequestId};

use crate::event::{ConnectionId, Cut};

/// Something to log and count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A client request has its answer.
    CallEnded {
        /// The client's id of it.
        id: RequestId,
        /// What was asked.
        method: Method,
        /// The name or the URI it was about.
        subject: Option<String>,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A server request has its answer, or needs none any more.
    ServerRequestEnded {
        /// The server's id of it.
        id: RequestId,
        /// What was asked.
        method: Method,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A message of the server reaches no client.
    Undeliverable {
        /// What kind of message.
        kind: Kind,
        /// The id of an answer or a request.
        id: Option<RequestId>,
        /// The method of a request or a notification.
        method: Option<Method>,
        /// Why.
        why: Why,
    },
    /// Notifications made room for newer ones, or were there at the end of the session, before anybody took them.
    Evicted {
        /// How many.
        events: usize,
        /// How many bytes they had.
        bytes: usize,
    },
    /// An answer came after its request was given up. It is not passed on.
    LateAnswer {
        /// Who answered.
        from: Side,
        /// The id.
        id: RequestId,
    },
    /// An answer to a request that nobody made, or that was answered before. It is not passed on.
    UnknownAnswer {
        /// Who answered.
        from: Side,
        /// The id; `None` in an error about a message whose id nobody could read.
        id: Option<RequestId>,
    },
    /// A call that waited for its client has ended before the client came back.
    ParkedCallEnded {
        /// What was asked.
        method: Method,
        /// The name or the URI it was about.
        subject: Option<String>,
        /// How it ended.
        outcome: Outcome,
        /// How long it had waited.
        waited: Duration,
    },
    /// A notification of the client is not passed on to the server.
    NotPassedOn {
        /// What was told.
        method: Method,
    },
    /// A connection was cut. Its HTTP exchange is to be ended even if it is stuck in a write.
    ConnectionCut {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        cut: Cut,
    },
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With an error of the side that was asked.
    Error,
    /// Nobody answered in time.
    Timeout,
    /// The side that asked gave it up.
    Cancelled,
    /// The server ended first.
    ServerGone,
    /// It never reached the side that was to answer.
    Undeliverable,
    /// With questions: its client is to come back with the answers.
    InputRequired,
    /// With a task that goes on without it.
    Task,
}

/// Who sent a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What kind of message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// The answer to a client request.
    Answer,
    /// A request of the server.
    Request,
    /// A notification of the server.
    Notification,
}

/// Why a message reaches no client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Why {
    /// The POST that waited for it closed before any event, so it cannot be resumed.
    ClientLeft,
    /// It waited for a client so long that newer events needed its place.
    Evicted,
    /// As many server requests as allowed are open.
    TooMany,
    /// A server request with the same id is open.
    DuplicateId,
    /// Nobody came to take it within the request timeout.
    Timeout,
    /// The era its sender speaks has no such message, or it belongs to no subscription that is open.
    OutOfPlace,
    /// No request or subscription that is open asked for it, or its client cannot do what it needs.
    NotWanted,
    /// A newer one took its place before anybody could take it.
    Superseded,
    /// It came after the server was declared gone.
    ServerGone,
    /// The session ended, and nobody had taken it.
    SessionEnded,
}
