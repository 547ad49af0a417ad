//! Streamable HTTP of the legacy era (2025-03-26, 2025-06-18, 2025-11-25): `POST`, `GET` and `DELETE` on a
//! server's endpoint.

use crate::answer::{Reply, Wrong, empty_reply, json_reply};
use crate::body::{self, Answer};
use crate::stream::{EventStream, KEEP_ALIVE_COMMENT};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use sessile_bridge::{Pull, Refusal};
use sessile_identity::Principal;
use sessile_protocol::error::{self as code, error_response};
use sessile_protocol::headers::{
    APPLICATION_JSON, LAST_EVENT_ID, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, TEXT_EVENT_STREAM, accepts, is_json, prefers,
};
use sessile_protocol::{ErrorObject, LegacyVersion, Message, Payload, RequestId};
use sessile_runtime::{Exchange, Hosted, Node, Session, SessionError, SessionId, StopReason};
use std::sync::Arc;
use std::time::Duration;

/// Messages in one batch of 2025-03-26.
const MAX_BATCH: usize = 100;
/// How long a single JSON answer is waited for before SSE opens, so that no proxy gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request to the endpoint of a hosted server.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) server: &'a Arc<Hosted>,
    pub(crate) principal: Principal,
}

/// A failure, with the id of the request it answers where that was read.
pub(crate) struct Failure {
    pub(crate) id: Option<RequestId>,
    pub(crate) wrong: Box<Wrong>,
}

impl<W: Into<Wrong>> From<W> for Failure {
    fn from(wrong: W) -> Self {
        Self { id: None, wrong: Box::new(wrong.into()) }
    }
}

impl Call<'_> {
    /// `POST`: messages of the client.
    pub(crate) async fn post<B>(&self, request: Request<B>) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let headers = head.headers;
        if !header(&headers, "content-type").is_some_and(is_json) {
            return Err(Wrong::MediaType.into());
        }
        require_accept(&headers, &[APPLICATION_JSON, TEXT_EVENT_STREAM], "application/json and text/event-stream")?;
        check_version(&headers)?;
        let body = body::read(body, self.server.message_limit()).await?;
        let (messages, batch) = read_messages(body)?;
        let id = messages.iter().find_map(request_id).cloned();
        let reply = if messages.iter().any(is_initialize) {
            self.initialize(&headers, messages).await
        } else {
            self.relay(&headers, messages, batch).await
        };
        reply.map_err(|wrong| Failure { id, wrong: Box::new(wrong) })
    }

    /// `GET`: a stream for what the server says outside of calls, or the rest of a broken one.
    pub(crate) fn get(&self, headers: &HeaderMap) -> Result<Reply, Failure> {
        require_accept(headers, &[TEXT_EVENT_STREAM], TEXT_EVENT_STREAM)?;
        check_version(headers)?;
        let session = self.session(headers)?;
        let last_event_id = header(headers, LAST_EVENT_ID).map(str::to_owned);
        let exchange = session.listen(last_event_id).map_err(Wrong::from)?;
        // Says at once that the stream is open: some clients wait for the first byte.
        Ok(events(exchange, BytesMut::from(&b": open\n\n"[..])))
    }

    /// `DELETE`: the client needs its session no more.
    pub(crate) fn delete(&self, headers: &HeaderMap) -> Result<Reply, Failure> {
        check_version(headers)?;
        self.session(headers)?.stop(StopReason::ClientDelete);
        Ok(empty_reply(StatusCode::NO_CONTENT))
    }

    async fn initialize(&self, headers: &HeaderMap, mut messages: Vec<Message>) -> Result<Reply, Wrong> {
        let (Some(message), true) = (messages.pop(), messages.is_empty()) else {
            return Err(Wrong::Shape("initialize must not be part of a batch"));
        };
        if header(headers, MCP_SESSION_ID).is_some() {
            return Err(Wrong::Shape(
                "this session is initialized already; leave Mcp-Session-Id out to open another one",
            ));
        }
        let id = request_id(&message).cloned();
        let mut exchange = self.node.open(self.server, &self.principal, message).await?;
        let first = first_answer(&mut exchange).await;
        exchange.release();
        let session = Arc::clone(exchange.session());
        let refused = matches!(&first, First::Json(body) if is_error(body));
        let mut reply = reply(first, exchange, id.as_ref());
        if refused {
            session.stop(StopReason::StartFailed);
        } else if let Ok(value) = HeaderValue::from_str(session.id().expose()) {
            reply.headers_mut().insert(HeaderName::from_static(MCP_SESSION_ID), value);
        }
        Ok(reply)
    }

    async fn relay(&self, headers: &HeaderMap, messages: Vec<Message>, batch: bool) -> Result<Reply, Wrong> {
        let session = self.session(headers)?;
        if batch && session.version().is_some_and(|version| !version.batches()) {
            return Err(SessionError::from(Refusal::BatchNotAllowed).into());
        }
        let id = messages.iter().find_map(request_id).cloned();
        let Some(mut exchange) = session.post(messages).await? else {
            return Ok(empty_reply(StatusCode::ACCEPTED));
        };
        let first = if batch || prefers_events(headers) {
            exchange.open_stream();
            First::Events
        } else {
            first_answer(&mut exchange).await
        };
        Ok(reply(first, exchange, id.as_ref()))
    }

    fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, Wrong> {
        let Some(id) = header(headers, MCP_SESSION_ID) else {
            return Err(Wrong::Shape(
                "Mcp-Session-Id is missing: send initialize first and repeat the header it answers",
            ));
        };
        Ok(self.node.find(self.server, &self.principal, &SessionId::from_client(id))?)
    }
}

/// What a POST is answered with first.
enum First {
    /// One JSON message, and nothing else.
    Json(Bytes),
    /// A stream.
    Events,
    /// A stream that has been silent for so long that it opens with a sign of life.
    LateEvents,
    /// The session ended without a word.
    Nothing,
}

async fn first_answer(exchange: &mut Exchange) -> First {
    match tokio::time::timeout(PATIENCE, exchange.pull()).await {
        Ok(Pull::Json(body)) => First::Json(body),
        Ok(Pull::OpenSse) => First::Events,
        Ok(Pull::Event(_) | Pull::Pending | Pull::End | Pull::Cut(_)) => First::Nothing,
        Err(_) => {
            exchange.open_stream();
            First::LateEvents
        }
    }
}

fn reply(first: First, exchange: Exchange, id: Option<&RequestId>) -> Reply {
    match first {
        First::Json(body) => json_reply(StatusCode::OK, body),
        First::Events => events(exchange, BytesMut::new()),
        First::LateEvents => events(exchange, BytesMut::from(KEEP_ALIVE_COMMENT)),
        First::Nothing => {
            let error = ErrorObject::new(code::SERVER_GONE, "the session ended before the answer");
            json_reply(StatusCode::OK, error_response(id, &error))
        }
    }
}

/// An SSE response.
pub(crate) fn events(exchange: Exchange, first: BytesMut) -> Reply {
    let mut reply = Response::new(Answer::Events(Box::new(EventStream::new(exchange, first))));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    reply
}

/// Reads a body as messages, and whether they came as a batch; a failure carries the id it could read.
pub(crate) fn read_messages(body: Bytes) -> Result<(Vec<Message>, bool), Failure> {
    let payload = Payload::parse(body, MAX_BATCH)
        .map_err(|error| Failure { id: error.id().cloned(), wrong: Box::new(error.into()) })?;
    let batch = matches!(payload, Payload::Batch(_));
    Ok((payload.into_messages(), batch))
}

fn request_id(message: &Message) -> Option<&RequestId> {
    match message.body() {
        sessile_protocol::Body::Request { id, .. } => Some(id),
        _ => None,
    }
}

fn is_initialize(message: &Message) -> bool {
    message.is_request() && message.method().is_some_and(|method| method.as_str() == "initialize")
}

fn is_error(body: &Bytes) -> bool {
    Message::parse(body.clone())
        .is_ok_and(|message| matches!(message.body(), sessile_protocol::Body::Response { is_error: true, .. }))
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A client that names events before JSON gets them, even for a single answer.
fn prefers_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    prefers(values, TEXT_EVENT_STREAM, APPLICATION_JSON)
}

/// A missing `Accept` accepts everything (RFC 9110 section 12.5.1).
fn require_accept(headers: &HeaderMap, types: &[&str], wanted: &'static str) -> Result<(), Wrong> {
    if !headers.contains_key(ACCEPT) {
        return Ok(());
    }
    let values = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if types.iter().all(|mime| accepts(values(), mime)) { Ok(()) } else { Err(Wrong::NotAcceptable(wanted)) }
}

fn check_version(headers: &HeaderMap) -> Result<(), Wrong> {
    let Some(value) = headers.get(MCP_PROTOCOL_VERSION) else { return Ok(()) };
    let text = value.to_str().unwrap_or("\u{fffd}");
    if LegacyVersion::parse(text).is_some() {
        return Ok(());
    }
    let served: Vec<&str> = LegacyVersion::ALL.iter().rev().map(|version| version.as_str()).collect();
    Err(Wrong::Version(text.to_owned(), served.join(", ")))
}
