//! What can go wrong with one request to a server that speaks HTTP, and what its caller is told.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sessile_protocol::error::{self as code, error_response, raw_error};
use sessile_protocol::{ErrorObject, Object, RequestId};

/// What the caller of a request is told that was under way when its runtime was killed, and whose answer nobody will hear.
pub(crate) const LOST_WITH_RUNTIME: &str =
    "the runtime was killed before it had the answer; the request may have been carried out, and is not sent again";

/// Bytes of a body that is no answer which callers get to see.
const EXCERPT: usize = 256;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// Nobody can be connected to. Nothing was sent.
    NotConnected(String),
    /// The connection broke, or what came was no HTTP.
    Broken(String),
    /// The server itself answered with an error, JSON text.
    Said(String),
    /// The server answered with a status that is none of success, and said nothing that can be passed on.
    Status { status: StatusCode, said: String },
    /// It answered with another kind of content than JSON or events.
    Content(String),
    /// What it sent is not JSON-RPC.
    NotJsonRpc(String),
    /// A message of it is over the limit.
    TooLarge { limit: usize },
    /// It ended its answer without one.
    NoAnswer,
    /// It no longer knows its own session.
    SessionLost,
    /// The rest of its answer cannot be had: a runtime before this one had the stream, and was killed.
    NodeLost,
    /// More requests are open than may be.
    Busy { limit: usize },
}

impl Fault {
    /// A status that is none of success, with what came with it.
    pub(super) fn of_status(status: StatusCode, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        // SDKs refuse with a JSON-RPC error, whose id is null or made up where they did not look at the request.
        let error = Object::parse(text.trim()).filter(|object| object.string("jsonrpc").as_deref() == Some("2.0"));
        match error.and_then(|object| object.object("error").map(|error| error.to_json())) {
            Some(error) => Self::Said(error),
            None => Self::Status { status, said: excerpt(&text) },
        }
    }

    /// Whether it is what a server that has just died leaves behind.
    pub(super) fn may_be_the_end(&self) -> bool {
        matches!(self, Self::NotConnected(_) | Self::Broken(_) | Self::NoAnswer)
    }

    /// The code of the error that the server itself answered with.
    pub(super) fn code(&self) -> Option<i64> {
        let Self::Said(error) = self else { return None };
        Object::parse(error)?.get("code")?.parse().ok()
    }

    /// The answer to request `id`.
    pub(super) fn to_answer(&self, id: &RequestId) -> Bytes {
        let with = |reason: &str, message: String, details: Value| {
            let mut data = json!({ "reason": reason });
            if let (Some(data), Value::Object(details)) = (data.as_object_mut(), details) {
                data.extend(details);
            }
            error_response(Some(id), &ErrorObject::new(code::SERVER_GONE, message).with_data(data))
        };
        match self {
            Self::Said(error) => raw_error(id.as_json(), error),
            Self::Busy { limit } => {
                let message = format!("session is busy: {limit} requests in flight");
                error_response(Some(id), &ErrorObject::new(code::BUSY, message))
            }
            Self::NotConnected(_) => with("connection_refused", self.to_string(), Value::Null),
            Self::Broken(_) => with("connection_closed", self.to_string(), Value::Null),
            Self::Status { status, said } => {
                with("http_status", self.to_string(), json!({ "status": status.as_u16(), "body": said }))
            }
            Self::Content(kind) => with("content_type", self.to_string(), json!({ "contentType": kind })),
            Self::NotJsonRpc(_) => with("not_json_rpc", self.to_string(), Value::Null),
            Self::TooLarge { limit } => with("message_too_large", self.to_string(), json!({ "limit": limit })),
            Self::NoAnswer => with("no_answer", self.to_string(), Value::Null),
            Self::NodeLost => with("node_lost", self.to_string(), Value::Null),
            Self::SessionLost => with("server_session_lost", self.to_string(), Value::Null),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotConnected(why) => write!(f, "server cannot be connected to: {why}"),
            Self::Broken(why) => write!(f, "the connection to the server broke before it answered: {why}"),
            Self::Said(error) => write!(f, "the server answered with an error: {error}"),
            Self::Status { status, said } => {
                write!(f, "the server answered HTTP {status}")?;
                if status.is_redirection() {
                    write!(f, ", a redirection; write the path it leads to as `path`")?;
                }
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            Self::Content(kind) if kind.is_empty() => {
                f.write_str("the server answered without a content type; it has to be JSON or events")
            }
            Self::Content(kind) => write!(f, "the server answered with {kind}; it has to be JSON or events"),
            Self::NotJsonRpc(why) => write!(f, "the server's answer is not JSON-RPC: {why}"),
            Self::TooLarge { limit } => {
                write!(f, "the server's message is over the limit of {limit} bytes (`message`)")
            }
            Self::NoAnswer => f.write_str("the server ended its answer without one"),
            Self::NodeLost => f.write_str(LOST_WITH_RUNTIME),
            Self::SessionLost => f.write_str("the server no longer knows its own session"),
            Self::Busy { limit } => write!(f, "{limit} requests are open"),
        }
    }
}

/// The beginning of a text, in one line.
fn excerpt(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(EXCERPT).map(plain).collect()
}
