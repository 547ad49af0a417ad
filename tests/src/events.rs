//! The client's end of a stream of server-sent events.

use crate::http::Connection;
use crate::wait::patiently;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use sessile_protocol::sse::{Decoder, SseEvent};
use std::collections::VecDeque;

/// The longest event that a test takes, in bytes.
const LONGEST: usize = 64 << 20;

/// A stream of events. Dropping it is a client that vanishes.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    decoder: Decoder,
    ready: VecDeque<SseEvent>,
    seen: Vec<u8>,
    last_id: String,
    over: bool,
    _connection: Option<Connection>,
}

impl Events {
    pub(crate) fn new(body: Incoming, connection: Option<Connection>) -> Self {
        Self {
            body,
            decoder: Decoder::new(LONGEST),
            ready: VecDeque::new(),
            seen: Vec::new(),
            last_id: String::new(),
            over: false,
            _connection: connection,
        }
    }

    /// The next event, those without data too; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<SseEvent> {
        patiently("the next event", async {
            loop {
                if let Some(event) = self.ready.pop_front() {
                    if let Some(id) = &event.id {
                        self.last_id.clone_from(id);
                    }
                    return Some(event);
                }
                if !self.read().await {
                    return None;
                }
            }
        })
        .await
    }

    /// Reads one piece. `false` at the end of the stream, also where it breaks off.
    pub async fn read(&mut self) -> bool {
        while !self.over {
            let Some(Ok(frame)) = self.body.frame().await else {
                self.over = true;
                return false;
            };
            let Ok(data) = frame.into_data() else { continue };
            self.seen.extend_from_slice(&data);
            self.decoder.feed(&data);
            while let Some(event) = self.decoder.next_event().expect("events are of a bearable size") {
                self.ready.push_back(event);
            }
            return true;
        }
        false
    }

    /// The next event that carries a message, with its id.
    ///
    /// # Panics
    /// When the stream ends before, or its data is no JSON.
    pub async fn message_event(&mut self) -> (String, Value) {
        loop {
            let event = self.next().await.expect("the stream ended before its next message");
            if !event.data.is_empty() {
                let message = serde_json::from_slice(&event.data).expect("the data of an event is JSON");
                return (event.id.unwrap_or_default(), message);
            }
        }
    }

    /// The next message.
    ///
    /// # Panics
    /// As [`Events::message_event`].
    pub async fn message(&mut self) -> Value {
        self.message_event().await.1
    }

    /// All messages up to the end of the stream, with their ids.
    pub async fn rest(&mut self) -> Vec<(String, Value)> {
        let mut messages = Vec::new();
        while let Some(event) = self.next().await {
            if !event.data.is_empty() {
                let message = serde_json::from_slice(&event.data).expect("the data of an event is JSON");
                messages.push((event.id.unwrap_or_default(), message));
            }
        }
        messages
    }

    /// Every byte that came so far, comments too.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// What to send as `Last-Event-ID` to get what comes after the event that was taken last.
    pub fn last_event_id(&self) -> &str {
        &self.last_id
    }
}
