//! The one place that turns what went wrong into HTTP and JSON-RPC. Nothing else picks a status code.

use crate::body::{Answer, BodyError};
use crate::exec::wire::PROTOCOL;
use crate::modern::{KeyError, name_session};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use sessile_bridge::Refusal;
use sessile_protocol::error::{self as code, error_response};
use sessile_protocol::mirror::Mismatch;
use sessile_protocol::modern::{MetaError, SERVED_VERSIONS};
use sessile_protocol::{EnvelopeError, ErrorObject, RequestId};
use sessile_runtime::{ExecFault, ModernFault, OpenError, RestFault, SessionError};
use std::time::Duration;

/// A response of the front.
pub(crate) type Reply = Response<Answer>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A failure, with what was known of the request when it came.
pub(crate) struct Failure {
    /// The id of the request that it answers, where that was read.
    pub(crate) id: Option<RequestId>,
    /// What a modern client may call its session by, where that was settled.
    pub(crate) session: Option<String>,
    pub(crate) wrong: Box<Wrong>,
}

impl<W: Into<Wrong>> From<W> for Failure {
    fn from(wrong: W) -> Self {
        Self { id: None, session: None, wrong: Box::new(wrong.into()) }
    }
}

impl Failure {
    /// The same, as the answer to request `id`.
    pub(crate) fn with_id(self, id: Option<RequestId>) -> Self {
        Self { id, ..self }
    }

    /// The whole HTTP answer.
    pub(crate) fn into_reply(self) -> Reply {
        let mut reply = self.wrong.into_reply(self.id.as_ref());
        if let Some(session) = &self.session {
            name_session(&mut reply, session);
        }
        reply
    }
}

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
    Mismatch(#[from] Mismatch),
    #[error("protocol version is not served, use one of data.supported")]
    Unserved(String),
    #[error("{0}")]
    Meta(#[from] MetaError),
    #[error("{0:?} is not a method of this protocol version")]
    MethodNotFound(String),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("{0}")]
    Modern(Box<ModernFault>),
    #[error("{0}")]
    Session(#[from] SessionError),
    #[error("{0}")]
    Open(Box<OpenError>),
    #[error("the remote server could not be reached: {0}")]
    Remote(String),
    #[error("no command is run for a web page: leave the header Origin out")]
    Page,
    #[error(
        "commands are run in sessions for the user that runs this node and for root, from the same machine; this is {0}"
    )]
    NotOperator(String),
    #[error("this becomes a connection of its own: ask with `Connection: upgrade` and `Upgrade: {PROTOCOL}`")]
    Upgrade,
    #[error("{0} connections run commands already, which is the most; end one")]
    Execs(usize),
    #[error("{0}")]
    Exec(#[from] ExecFault),
    #[error("{0}")]
    Rest(#[from] RestFault),
}

impl From<OpenError> for Wrong {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<ModernFault> for Wrong {
    /// Failures that both eras have become the same.
    fn from(fault: ModernFault) -> Self {
        match fault {
            ModernFault::Open(error) => error.into(),
            fault => Self::Modern(Box::new(fault)),
        }
    }
}

impl Wrong {
    fn status(&self) -> StatusCode {
        match self {
            Self::Host(_) | Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::Path(_) | Self::MethodNotFound(_) => StatusCode::NOT_FOUND,
            Self::Method(..) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Broken(_))
            | Self::Version(..)
            | Self::Envelope(_)
            | Self::Shape(_)
            | Self::Mismatch(_)
            | Self::Unserved(_)
            | Self::Meta(_)
            | Self::Key(_) => StatusCode::BAD_REQUEST,
            Self::Session(error) => session_status(error),
            Self::Open(error) => open_status(error),
            Self::Modern(fault) => fault_status(fault),
            Self::Remote(_) => StatusCode::BAD_GATEWAY,
            Self::Page | Self::NotOperator(_) => StatusCode::FORBIDDEN,
            Self::Upgrade => StatusCode::UPGRADE_REQUIRED,
            Self::Execs(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Exec(fault) => exec_status(fault),
            Self::Rest(fault) => rest_status(fault),
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
            Self::Mismatch(_) => "header_mismatch",
            Self::Unserved(_) => "protocol_version",
            Self::Meta(_) => "meta",
            Self::MethodNotFound(_) => "method_not_found",
            Self::Key(_) => "session_key",
            Self::Session(error) => session_cause(error),
            Self::Open(error) => open_cause(error),
            Self::Modern(fault) => fault_cause(fault),
            Self::Remote(_) => "remote",
            Self::Page => "origin",
            Self::Upgrade => "upgrade",
            Self::Execs(_) | Self::Exec(_) | Self::NotOperator(_) => "exec",
            Self::Rest(_) => "rest",
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
            Self::Mismatch(_) => plain(code::HEADER_MISMATCH, self),
            Self::Unserved(requested) => plain(code::UNSUPPORTED_VERSION, self)
                .with_data(json!({ "supported": SERVED_VERSIONS, "requested": requested })),
            Self::Meta(_) | Self::Key(_) => plain(code::INVALID_PARAMS, self),
            Self::MethodNotFound(_) => plain(code::METHOD_NOT_FOUND, self),
            Self::Modern(fault) => fault.to_error(),
            Self::Remote(_) => plain(code::SERVER_GONE, self),
            _ => plain(code::INVALID_REQUEST, self),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Open(error) => error.retry_after(),
            Self::Session(error) => retry_soon(error),
            Self::Modern(fault) => match &**fault {
                ModernFault::Session(error) => retry_soon(error),
                _ => None,
            },
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
        if let Self::Upgrade = &self {
            reply.headers_mut().insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
        }
        if let Self::Method(_, allowed) = &self {
            reply.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
        }
        reply
    }
}

fn session_status(error: &SessionError) -> StatusCode {
    match error {
        SessionError::NotFound { .. } => StatusCode::NOT_FOUND,
        SessionError::NotWoken(error) => open_status(error),
        error if is_temporary(error) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn open_status(error: &OpenError) -> StatusCode {
    match error {
        OpenError::PrincipalFull { .. } | OpenError::WorkspaceBusy { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn exec_status(fault: &ExecFault) -> StatusCode {
    match fault {
        ExecFault::Unknown { .. } => StatusCode::NOT_FOUND,
        ExecFault::Ended { .. } | ExecFault::Ending { .. } => StatusCode::GONE,
        ExecFault::Warm { .. } | ExecFault::Asleep { .. } => StatusCode::CONFLICT,
        ExecFault::Full { .. } => StatusCode::TOO_MANY_REQUESTS,
        ExecFault::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn rest_status(fault: &RestFault) -> StatusCode {
    match fault {
        RestFault::Unknown { .. } => StatusCode::NOT_FOUND,
        RestFault::Awake { .. } => StatusCode::CONFLICT,
        RestFault::Asleep { error, .. } => open_status(error),
        RestFault::Ended { .. } => StatusCode::GONE,
    }
}

fn fault_status(fault: &ModernFault) -> StatusCode {
    match fault {
        ModernFault::Open(error) => open_status(error),
        ModernFault::Session(SessionError::Refused(Refusal::ServerGone(error))) => code_status(error.code),
        ModernFault::Server(error) => code_status(error.code),
        ModernFault::Session(error) => session_status(error),
        ModernFault::Ended(_) | ModernFault::NoAnswer => StatusCode::OK,
        ModernFault::Ledger(_) | ModernFault::NoRandomness(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn fault_cause(fault: &ModernFault) -> &'static str {
    match fault {
        ModernFault::Open(error) => open_cause(error),
        ModernFault::Session(error) => session_cause(error),
        ModernFault::HeaderMismatch(_) => "header_mismatch",
        ModernFault::KeyRequired => "session_key",
        _ => "refused_by_runtime",
    }
}

fn retry_soon(error: &SessionError) -> Option<Duration> {
    if let SessionError::NotWoken(error) = error {
        return error.retry_after();
    }
    is_temporary(error).then_some(Duration::from_secs(1))
}

fn session_cause(error: &SessionError) -> &'static str {
    match error {
        SessionError::NotFound { .. } => "session_not_found",
        SessionError::Refused(_) => "refused_by_bridge",
        SessionError::NotWoken(error) => open_cause(error),
        _ => "session_busy",
    }
}

fn open_cause(error: &OpenError) -> &'static str {
    match error {
        OpenError::StartFailed { .. } => "start_failed",
        OpenError::BreakerOpen { .. } => "breaker_open",
        OpenError::WorkspaceBusy { .. } => "workspace_busy",
        OpenError::WorkspaceFull { .. } => "workspace_full",
        OpenError::NodeFull(_) => "node_full",
        _ => "full",
    }
}

fn is_temporary(error: &SessionError) -> bool {
    match error {
        SessionError::Busy { .. } | SessionError::InputFull { .. } => true,
        SessionError::Refused(refusal) => refusal.is_temporary(),
        SessionError::NotFound { .. } | SessionError::NotWoken(_) => false,
    }
}

/// The status of a message that a modern request is answered with by its session: errors that the specification gives
/// a status have it, whoever made them; all others are answers like any.
pub(crate) fn modern_status(message: &Bytes) -> StatusCode {
    #[derive(Deserialize)]
    struct Outcome {
        error: Option<Failed>,
    }
    #[derive(Deserialize)]
    struct Failed {
        code: i64,
    }
    match serde_json::from_slice(message) {
        Ok(Outcome { error: Some(Failed { code }) }) => code_status(code),
        _ => StatusCode::OK,
    }
}

fn code_status(code: i64) -> StatusCode {
    match code {
        code::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        code::HEADER_MISMATCH | code::MISSING_CLIENT_CAPABILITY | code::UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
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
