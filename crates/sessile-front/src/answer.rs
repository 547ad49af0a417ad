//! The one place that turns what went wrong into HTTP and JSON-RPC. Nothing else picks a status code.

use crate::body::{Answer, BodyError};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use sessile_protocol::error::{self as code, error_response};
use sessile_protocol::{EnvelopeError, ErrorObject, RequestId};
use sessile_runtime::{OpenError, SessionError};
use std::time::Duration;

/// A response of the front.
pub(crate) type Reply = Response<Answer>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Everything that can be wrong with a request, in the order in which it is looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("host {0:?} is not served here: use the listener's own address, or add the name to node.allowed_hosts")]
    Host(String),
    #[error("origin {0:?} is not allowed here: add it to node.allowed_origins if it should be")]
    Origin(String),
    #[error("{message}")]
    Unauthenticated { message: String, challenge: String },
    #[error("there is nothing at {0:?}; servers are at /NAME/mcp")]
    Path(String),
    #[error("{0} is not allowed here; use {1}")]
    Method(String, &'static str),
    #[error("the client must accept {0}")]
    NotAcceptable(&'static str),
    #[error("the body must be application/json")]
    MediaType,
    #[error("protocol version {0:?} is not served; served are {1}")]
    Version(String, String),
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Envelope(#[from] EnvelopeError),
    #[error("{0}")]
    Shape(&'static str),
    #[error("{0}")]
    Session(#[from] SessionError),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("the remote server could not be reached: {0}")]
    Remote(String),
}

impl Wrong {
    fn status(&self) -> StatusCode {
        match self {
            Self::Host(_) | Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::Path(_) | Self::Session(SessionError::NotFound { .. }) => StatusCode::NOT_FOUND,
            Self::Method(..) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Self::Session(SessionError::Refused(refusal)) if refusal.is_temporary() => StatusCode::TOO_MANY_REQUESTS,
            Self::Body(BodyError::Broken(_))
            | Self::Version(..)
            | Self::Envelope(_)
            | Self::Shape(_)
            | Self::Session(SessionError::Refused(_)) => StatusCode::BAD_REQUEST,
            Self::Session(SessionError::Busy { .. } | SessionError::InputFull { .. })
            | Self::Open(OpenError::PrincipalFull { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Open(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Remote(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The word under which it is counted.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Origin(_) => "origin",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::Path(_) => "path",
            Self::Method(..) => "method",
            Self::NotAcceptable(_) => "accept",
            Self::MediaType => "media_type",
            Self::Version(..) => "protocol_version",
            Self::Body(BodyError::TooLarge { .. }) => "too_large",
            Self::Body(_) => "body",
            Self::Envelope(_) => "envelope",
            Self::Shape(_) => "shape",
            Self::Session(SessionError::NotFound { .. }) => "session_not_found",
            Self::Session(SessionError::Refused(_)) => "refused_by_bridge",
            Self::Session(_) => "session_busy",
            Self::Open(OpenError::StartFailed { .. }) => "start_failed",
            Self::Open(OpenError::BreakerOpen { .. }) => "breaker_open",
            Self::Open(_) => "full",
            Self::Remote(_) => "remote",
        }
    }

    fn error(&self) -> ErrorObject {
        match self {
            Self::Session(error) => error.to_error(),
            Self::Open(error) => error.to_error(),
            Self::Envelope(error) => plain(error.code(), self),
            Self::Version(_, served) => ErrorObject {
                data: Some(json!({ "supported": served.split(", ").collect::<Vec<_>>() })),
                ..plain(code::INVALID_REQUEST, self)
            },
            Self::Remote(_) => plain(code::SERVER_GONE, self),
            _ => plain(code::INVALID_REQUEST, self),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Open(error) => error.retry_after(),
            Self::Session(SessionError::Busy { .. } | SessionError::InputFull { .. }) => Some(Duration::from_secs(1)),
            Self::Session(SessionError::Refused(refusal)) if refusal.is_temporary() => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The whole HTTP answer. `id` is the request's, where it was read.
    pub(crate) fn into_reply(self, id: Option<&RequestId>) -> Reply {
        let mut reply = json_reply(self.status(), error_response(id, &self.error()));
        if let Some(after) = self.retry_after() {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if let Self::Unauthenticated { challenge, .. } = &self
            && let Ok(challenge) = HeaderValue::from_str(challenge)
        {
            reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::Method(_, allowed) = &self {
            reply.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
        }
        reply
    }
}

fn plain(code: i64, message: &impl ToString) -> ErrorObject {
    ErrorObject::new(code, message.to_string())
}

/// A response with a JSON body.
pub(crate) fn json_reply(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Answer::whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// A response without a body.
pub(crate) fn empty_reply(status: StatusCode) -> Reply {
    let mut reply = Response::new(Answer::empty());
    *reply.status_mut() = status;
    reply
}
