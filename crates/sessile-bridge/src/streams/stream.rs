//! One stream, and one connection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{RequestId, json_text};

use super::Reach;
use crate::event::{ConnectionId, Cut};
use crate::event_id::StreamId;
use crate::ring::Position;
use crate::time::Time;

/// What opened a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum StreamKind {
    /// A POST with requests. Ends with their answers.
    Call,
    /// A GET. Ends with the session.
    Listen,
}

/// The answer to a call, as one JSON body.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: RequestId,
    #[serde(with = "json_text")]
    pub(super) data: Bytes,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) kind: StreamKind,
    pub(super) connection: Option<ConnectionId>,
    /// Requests that have no answer yet.
    pub(super) open_calls: usize,
    /// Whether it must be, or is, answered with events rather than with one JSON body.
    pub(super) is_sse: bool,
    /// The answer, when it is all there is to say.
    pub(super) answer: Option<Answer>,
    /// The events that are in the ring, by sequence.
    pub(super) events: BTreeMap<u64, Position>,
    /// The last event the connection took.
    pub(super) cursor: u64,
    /// The last event any connection took.
    pub(super) sent: u64,
    /// The last event that is no longer in the ring.
    pub(super) evicted: u64,
    /// Whether the client has seen an event id.
    pub(super) is_resumable: bool,
    next: u64,
}

impl Stream {
    pub(super) fn new(kind: StreamKind, connection: ConnectionId) -> Self {
        Self {
            kind,
            connection: Some(connection),
            open_calls: 0,
            is_sse: kind == StreamKind::Listen,
            answer: None,
            events: BTreeMap::new(),
            cursor: 0,
            sent: 0,
            evicted: 0,
            is_resumable: false,
            next: 1,
        }
    }

    pub(super) fn reach(&self) -> Reach {
        match self.connection {
            Some(_) => Reach::Connected,
            None if self.is_resumable => Reach::Resumable,
            None => Reach::None,
        }
    }

    /// Notes an event at the end of the stream, and gives it its sequence.
    pub(super) fn append(&mut self, position: Position) -> u64 {
        let sequence = self.next;
        self.next += 1;
        self.events.insert(sequence, position);
        sequence
    }

    /// The connection may have taken everything, or nothing.
    pub(super) fn may_have_sent_all(&mut self) {
        self.sent = self.next.saturating_sub(1);
        self.is_resumable |= self.is_sse;
    }

    /// The event the connection is to take next.
    pub(super) fn upcoming(&self) -> Option<(u64, Position)> {
        self.after(self.cursor).next()
    }

    /// The events after a place.
    pub(super) fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, Position)> {
        self.events.range(sequence.saturating_add(1)..).map(|(sequence, position)| (*sequence, *position))
    }

    /// Whether the connection has taken everything, and nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.kind == StreamKind::Call && self.open_calls == 0 && self.upcoming().is_none()
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Connection {
    pub(super) stream: StreamId,
    /// Whether it was made by GET.
    pub(super) is_get: bool,
    /// Whether events may go out on it.
    pub(super) is_sse: bool,
    /// When it last asked for an event, or had none to ask for.
    pub(super) caught_up: Time,
    /// Whether it was told to pull, and has not.
    pub(super) woken: bool,
    pub(super) cut: Option<Cut>,
}

impl Connection {
    pub(super) fn new(stream: StreamId, is_get: bool, now: Time) -> Self {
        Self { stream, is_get, is_sse: is_get, caught_up: now, woken: false, cut: None }
    }
}
