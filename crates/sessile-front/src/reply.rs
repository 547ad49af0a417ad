//! What a request to a session is answered with: one JSON message, or a stream of events.

use crate::answer::{Reply, json_reply};
use crate::body::Answer;
use crate::stream::{EventStream, KEEP_ALIVE_COMMENT, Resumption};
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use sessile_bridge::Pull;
use sessile_protocol::error::{self as code, error_response};
use sessile_protocol::headers::TEXT_EVENT_STREAM;
use sessile_protocol::{ErrorObject, RequestId};
use sessile_runtime::{Exchange, Listening};
use std::time::Duration;

/// How long a single JSON answer is waited for before SSE opens, so that no proxy gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a POST is answered with first.
pub(crate) enum First {
    /// One JSON message, and nothing else.
    Json(Bytes),
    /// A stream.
    Events,
    /// A stream that has been silent for so long that it opens with a sign of life.
    LateEvents,
    /// The session ended without a word.
    Nothing,
}

/// Waits for the first thing that is said on an exchange, as long as a proxy would.
pub(crate) async fn first_answer(exchange: &mut Exchange) -> First {
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

impl First {
    /// The HTTP answer. `status` says what a single JSON message is answered with.
    pub(crate) fn into_reply(
        self,
        exchange: Exchange,
        resumption: Resumption,
        id: Option<&RequestId>,
        status: impl FnOnce(&Bytes) -> StatusCode,
    ) -> Reply {
        match self {
            Self::Json(body) => json_reply(status(&body), body),
            Self::Events => events(Listening::Now(exchange), resumption, BytesMut::new()),
            Self::LateEvents => events(Listening::Now(exchange), resumption, BytesMut::from(KEEP_ALIVE_COMMENT)),
            Self::Nothing => {
                let error = ErrorObject::new(code::SERVER_GONE, "the session ended before the answer");
                json_reply(StatusCode::OK, error_response(id, &error))
            }
        }
    }
}

/// An SSE response, which begins with `first`.
pub(crate) fn events(exchange: Listening, resumption: Resumption, first: BytesMut) -> Reply {
    let mut reply = Response::new(Answer::Events(Box::new(EventStream::new(exchange, resumption, first))));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    reply
}
