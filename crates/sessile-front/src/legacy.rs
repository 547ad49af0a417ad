//! Streamable HTTP of the legacy era (2025-03-26, 2025-06-18, 2025-11-25): `POST`, `GET` and `DELETE` on a
//! server's endpoint.

use crate::answer::{Failure, Reply, Wrong, empty_reply, json_reply};
use crate::post::{Call, header, request_id, require_accept};
use crate::reply::{First, events, first_answer};
use crate::stream::Resumption;
use bytes::{Bytes, BytesMut};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sessile_bridge::Refusal;
use sessile_protocol::headers::{
    APPLICATION_JSON, LAST_EVENT_ID, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, TEXT_EVENT_STREAM, prefers,
};
use sessile_protocol::{Era, LegacyVersion, Message, Payload};
use sessile_runtime::{LegacyAnswer, SessionError, SessionId, StopReason, Visit};
use std::sync::Arc;

impl Call<'_> {
    /// `POST` of a legacy client.
    pub(crate) async fn post_legacy(&self, headers: &HeaderMap, payload: Payload) -> Result<Reply, Failure> {
        let batch = matches!(payload, Payload::Batch(_));
        let messages = payload.into_messages();
        let id = messages.iter().find_map(request_id).cloned();
        let reply = if messages.iter().any(is_initialize) {
            self.initialize(headers, messages).await
        } else {
            self.relay(headers, messages, batch).await
        };
        reply.map_err(|wrong| Failure::from(wrong).with_id(id))
    }

    /// `GET`: a stream for what the server says outside of calls, or the rest of a broken one.
    pub(crate) fn get(&self, headers: &HeaderMap) -> Result<Reply, Failure> {
        require_accept(headers, &[TEXT_EVENT_STREAM], TEXT_EVENT_STREAM)?;
        check_version(headers, is_legacy)?;
        let last_event_id = header(headers, LAST_EVENT_ID).map(str::to_owned);
        let id = session_id(headers)?;
        let listening = self.node.listen(self.server, &self.principal, &id, last_event_id).map_err(Wrong::from)?;
        // Says at once that the stream is open: some clients wait for the first byte.
        Ok(events(listening, Resumption::Possible, BytesMut::from(&b": open\n\n"[..])))
    }

    /// `DELETE`: the client needs its session no more.
    pub(crate) async fn delete(&self, headers: &HeaderMap) -> Result<Reply, Failure> {
        check_version(headers, is_legacy)?;
        let id = session_id(headers)?;
        self.node.end(self.server, &self.principal, &id, StopReason::ClientDelete).await.map_err(Wrong::from)?;
        Ok(empty_reply(StatusCode::NO_CONTENT))
    }

    async fn initialize(&self, headers: &HeaderMap, mut messages: Vec<Message>) -> Result<Reply, Wrong> {
        // The version that a client would like may be one that it does not get.
        check_version(headers, |text| Era::parse(text).is_some())?;
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
        let mut reply = first.into_reply(exchange, Resumption::Possible, id.as_ref(), |_| StatusCode::OK);
        if refused {
            session.stop(StopReason::StartFailed);
        } else if let Ok(value) = HeaderValue::from_str(session.id().expose()) {
            reply.headers_mut().insert(HeaderName::from_static(MCP_SESSION_ID), value);
        }
        Ok(reply)
    }

    async fn relay(&self, headers: &HeaderMap, messages: Vec<Message>, batch: bool) -> Result<Reply, Wrong> {
        check_version(headers, is_legacy)?;
        let session = self.session(headers).await?;
        if batch && session.version().is_some_and(|version| !version.batches()) {
            return Err(SessionError::from(Refusal::BatchNotAllowed).into());
        }
        let id = messages.iter().find_map(request_id).cloned();
        let mut exchange = match self.node.legacy(self.server, &self.principal, &session, messages).await? {
            LegacyAnswer::Exchange(exchange) => exchange,
            LegacyAnswer::Whole(body) => return Ok(json_reply(StatusCode::OK, body)),
            LegacyAnswer::Accepted => return Ok(empty_reply(StatusCode::ACCEPTED)),
        };
        let first = if batch || prefers_events(headers) {
            exchange.open_stream();
            First::Events
        } else {
            first_answer(&mut exchange).await
        };
        Ok(first.into_reply(exchange, Resumption::Possible, id.as_ref(), |_| StatusCode::OK))
    }

    /// The session that a request names, awake.
    async fn session(&self, headers: &HeaderMap) -> Result<Visit, Wrong> {
        Ok(self.node.find(self.server, &self.principal, &session_id(headers)?).await?)
    }
}

fn session_id(headers: &HeaderMap) -> Result<SessionId, Wrong> {
    let missing = Wrong::Shape("Mcp-Session-Id is missing: send initialize first and repeat the header it answers");
    header(headers, MCP_SESSION_ID).map(SessionId::from_client).ok_or(missing)
}

fn is_initialize(message: &Message) -> bool {
    message.is_request() && message.method().is_some_and(|method| method.as_str() == "initialize")
}

fn is_error(body: &Bytes) -> bool {
    Message::parse(body.clone())
        .is_ok_and(|message| matches!(message.body(), sessile_protocol::Body::Response { is_error: true, .. }))
}

/// A client that names events before JSON gets them, even for a single answer.
fn prefers_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    prefers(values, TEXT_EVENT_STREAM, APPLICATION_JSON)
}

fn is_legacy(version: &str) -> bool {
    LegacyVersion::parse(version).is_some()
}

fn check_version(headers: &HeaderMap, is_served: impl Fn(&str) -> bool) -> Result<(), Wrong> {
    let Some(value) = headers.get(MCP_PROTOCOL_VERSION) else { return Ok(()) };
    let text = value.to_str().unwrap_or("\u{fffd}");
    if is_served(text) {
        return Ok(());
    }
    let served: Vec<&str> = LegacyVersion::ALL.iter().rev().map(|version| version.as_str()).collect();
    Err(Wrong::Version(text.to_owned(), served.join(", ")))
}
