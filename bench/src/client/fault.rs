//! What can be wrong with an answer, and the count of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Why a request did not end in the answer it should have had.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, or the connection broke.
    #[error("connection: {0}")]
    Connection(String),
    /// The answer took longer than the endpoint's timeout.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// An HTTP status other than the one the transport prescribes.
    #[error("HTTP status {status}: {body}")]
    Status {
        /// The status that came.
        status: u16,
        /// The first bytes of the body, for whoever must find the cause.
        body: String,
    },
    /// The body is not a JSON-RPC message.
    #[error("not a JSON-RPC message: {0}")]
    Malformed(String),
    /// A response to some other request.
    #[error("answer carries id {got}, expected {expected}")]
    WrongId {
        /// The id as it stood in the answer.
        got: String,
        /// The id of the request.
        expected: String,
    },
    /// A JSON-RPC error.
    #[error("error answer: {0}")]
    Refused(String),
    /// A tool result with `isError`.
    #[error("tool failed: {0}")]
    ToolFailed(String),
    /// The stream or the process ended before the answer.
    #[error("ended before the answer")]
    Unanswered,
}

impl Fault {
    /// A short stable word for the kind, the key under which it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connection(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Status { .. } => "status",
            Self::Malformed(_) => "malformed",
            Self::WrongId { .. } => "wrong_id",
            Self::Refused(_) => "refused",
            Self::ToolFailed(_) => "tool_failed",
            Self::Unanswered => "unanswered",
        }
    }

    /// Whether the connection can carry another request after this.
    pub fn leaves_connection_usable(&self) -> bool {
        !matches!(self, Self::Connection(_) | Self::Timeout(_) | Self::Unanswered)
    }

    /// Cuts text from a server to what fits in a line of a report.
    pub(crate) fn excerpt(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).chars().take(200).collect()
    }
}

/// Faults counted by kind, with the text of the first one.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Faults {
    /// How often each kind came.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// The first fault in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

impl Faults {
    /// Counts one fault.
    pub fn add(&mut self, fault: &Fault) {
        *self.by_kind.entry(fault.kind()).or_default() += 1;
        if self.first.is_none() {
            self.first = Some(fault.to_string());
        }
    }

    /// Counts all of `other` too.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.by_kind {
            *self.by_kind.entry(kind).or_default() += count;
        }
        if self.first.is_none() {
            self.first.clone_from(&other.first);
        }
    }

    /// All faults together.
    pub fn total(&self) -> u64 {
        self.by_kind.values().sum()
    }
}
