//! All events of a session that are not yet sent or kept for replay, in one bounded place.

mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{Method, RequestId};

use crate::event_id::StreamId;

/// What an event carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Content {
    /// The answer to the client's request of this id.
    Answer(RequestId),
    /// A request of the server.
    Request(RequestId, Method),
    /// A notification of the server.
    Notification(Method),
}

/// One event.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `None` while the event waits for the next GET stream.
    pub(crate) stream: Option<StreamId>,
    pub(crate) sequence: u64,
    pub(crate) content: Content,
    pub(crate) data: Bytes,
    /// Whether a connection has taken it. From then on it is here for replay only.
    pub(crate) sent: bool,
}

/// Where an event lies. Later events lie at higher positions.
pub(crate) type Position = u64;

/// A bounded store of events. The oldest make room for new ones, but not before they are sent if a connection is
/// there to take them: those are *held*.
#[derive(Debug)]
pub(crate) struct Ring {
    max_bytes: usize,
    max_events: usize,
    entries: BTreeMap<Position, Entry>,
    /// Those that may make room.
    loose: BTreeSet<Position>,
    bytes: usize,
    loose_bytes: usize,
    next: Position,
    /// Events that a record had no room for: they are here without their data, to be evicted.
    left_out: Vec<Position>,
}

impl Ring {
    pub(crate) fn new(max_bytes: usize, max_events: usize) -> Self {
        Self {
            max_bytes,
            max_events,
            entries: BTreeMap::new(),
            loose: BTreeSet::new(),
            bytes: 0,
            loose_bytes: 0,
            next: 0,
            left_out: Vec::new(),
        }
    }

    /// Adds an event, held.
    pub(crate) fn push(&mut self, entry: Entry) -> Position {
        let position = self.next;
        self.next += 1;
        self.bytes += entry.data.len();
        self.entries.insert(position, entry);
        position
    }

    pub(crate) fn get(&self, position: Position) -> Option<&Entry> {
        self.entries.get(&position)
    }

    pub(crate) fn get_mut(&mut self, position: Position) -> Option<&mut Entry> {
        self.entries.get_mut(&position)
    }

    pub(crate) fn remove(&mut self, position: Position) -> Option<Entry> {
        self.hold(position);
        let entry = self.entries.remove(&position)?;
        self.bytes -= entry.data.len();
        Some(entry)
    }

    /// Takes out everything.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Entry> {
        self.loose.clear();
        (self.bytes, self.loose_bytes) = (0, 0);
        std::mem::take(&mut self.entries).into_values()
    }

    /// A connection is there to take this event.
    pub(crate) fn hold(&mut self, position: Position) {
        if self.loose.remove(&position) {
            self.loose_bytes -= self.size(position);
        }
    }

    /// No connection is there to take this event, or one has taken it.
    pub(crate) fn loosen(&mut self, position: Position) {
        if self.entries.contains_key(&position) && self.loose.insert(position) {
            self.loose_bytes += self.size(position);
        }
    }

    /// Whether there is more than may be. One event alone is never too much.
    pub(crate) fn is_over(&self) -> bool {
        self.entries.len() > 1 && (self.bytes > self.max_bytes || self.entries.len() > self.max_events)
    }

    /// Whether half the ring is held: time to stop adding to it.
    pub(crate) fn is_backlogged(&self) -> bool {
        let held = self.entries.len() - self.loose.len();
        held > 0 && (held > self.max_events / 2 || self.bytes - self.loose_bytes > self.max_bytes / 2)
    }

    /// The oldest event that may make room, unless it is `newest`.
    pub(crate) fn oldest_loose(&self, newest: Position) -> Option<Position> {
        self.loose.first().copied().filter(|position| *position != newest)
    }

    /// The oldest event of all.
    pub(crate) fn oldest(&self) -> Option<(Position, &Entry)> {
        self.entries.first_key_value().map(|(position, entry)| (*position, entry))
    }

    /// Where the server's request `id` lies, if no connection has taken it.
    pub(crate) fn unsent_request(&self, id: &RequestId) -> Option<Position> {
        let is_it = |entry: &Entry| !entry.sent && matches!(&entry.content, Content::Request(other, _) if other == id);
        self.entries.iter().find(|(_, entry)| is_it(entry)).map(|(position, _)| *position)
    }

    /// Sets the bounds of a ring that was read from a record, and gives the events that it came without.
    pub(crate) fn refit(&mut self, max_bytes: usize, max_events: usize) -> Vec<Position> {
        (self.max_bytes, self.max_events) = (max_bytes, max_events);
        std::mem::take(&mut self.left_out)
    }

    fn size(&self, position: Position) -> usize {
        self.entries.get(&position).map_or(0, |entry| entry.data.len())
    }
}
