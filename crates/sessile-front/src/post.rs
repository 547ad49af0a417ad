//! `POST` on a server's endpoint: read once, then served in the era that it belongs to.

use crate::answer::{Failure, Reply, Wrong};
use crate::body;
use crate::modern;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, Request};
use http_body::Body;
use sessile_identity::Principal;
use sessile_protocol::headers::{APPLICATION_JSON, TEXT_EVENT_STREAM, accepts, is_json};
use sessile_protocol::{Message, Payload, RequestId};
use sessile_runtime::{Hosted, Node};
use std::sync::Arc;

/// Messages in one batch of 2025-03-26.
const MAX_BATCH: usize = 100;

/// One request to the endpoint of a hosted server.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) server: &'a Arc<Hosted>,
    pub(crate) principal: Principal,
    /// Whether it comes from this machine.
    pub(crate) loopback: bool,
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
        let body = body::read(body, self.server.message_limit()).await?;
        let payload = read_payload(body)?;
        if modern::is_modern(&headers, &payload) {
            self.post_modern(&headers, payload).await
        } else {
            self.post_legacy(&headers, payload).await
        }
    }
}

/// Reads a body as messages; a failure carries the id it could read.
pub(crate) fn read_payload(body: Bytes) -> Result<Payload, Failure> {
    Payload::parse(body, MAX_BATCH).map_err(|error| {
        let id = error.id().cloned();
        Failure::from(error).with_id(id)
    })
}

pub(crate) fn request_id(message: &Message) -> Option<&RequestId> {
    match message.body() {
        sessile_protocol::Body::Request { id, .. } => Some(id),
        _ => None,
    }
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A missing `Accept` accepts everything (RFC 9110 section 12.5.1).
pub(crate) fn require_accept(headers: &HeaderMap, types: &[&str], wanted: &'static str) -> Result<(), Wrong> {
    if !headers.contains_key(ACCEPT) {
        return Ok(());
    }
    let values = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if types.iter().all(|mime| accepts(values(), mime)) { Ok(()) } else { Err(Wrong::NotAcceptable(wanted)) }
}
