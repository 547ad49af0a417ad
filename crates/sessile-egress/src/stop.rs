//! Why a connection ends before its client ends it, and what the client still gets to see.

use serde_json::json;

use crate::refusal::Refusal;
use crate::target::Target;

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client is told in an HTTP answer.
    Refused(Refusal),
    /// The client speaks TLS already and is told by an alert.
    RefusedTls(Refusal),
    /// Nothing more can be said: an answer is on its way already.
    RefusedLate(Refusal),
    /// It was allowed and does not work; the client is told in an HTTP answer.
    Unreachable(Unreachable),
    /// The client or the server went away, or was silent for too long.
    Gone,
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// What was allowed and could not be reached.
#[derive(Debug)]
pub(crate) struct Unreachable {
    pub(crate) target: Target,
    pub(crate) problem: Problem,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the name cannot be resolved")]
    Name(#[source] std::io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("looking up the name took too long")]
    SlowName,
    #[error("no connection could be opened")]
    Connect(#[source] std::io::Error),
    #[error("opening a connection took too long")]
    SlowConnect,
    #[error("the upstream proxy answered with status {0}")]
    Upstream(u16),
    #[error("the upstream proxy gave no answer that can be read")]
    UpstreamAnswer,
    #[error("its answer is not one of HTTP/1.0 or HTTP/1.1 that can be read in one way only")]
    BadAnswer,
    #[error("it was silent for too long")]
    Silent,
}

impl Unreachable {
    pub(crate) fn status(&self) -> u16 {
        match self.problem {
            Problem::SlowName | Problem::SlowConnect | Problem::Silent => 504,
            _ => 502,
        }
    }

    /// With what the system said, which the client is not told.
    pub(crate) fn for_log(&self) -> String {
        match &self.problem {
            Problem::Name(error) | Problem::Connect(error) => format!("{}: {error}", self.problem),
            other => other.to_string(),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let target = self.target.to_string();
        json!({ "error": format!("{target} is allowed, but {}", self.problem), "target": target }).to_string()
    }
}
