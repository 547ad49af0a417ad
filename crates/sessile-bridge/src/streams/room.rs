//! Bounds: who makes room, and who is too slow.

use std::time::Duration;

use crate::event::{ConnectionId, Cut};
use crate::event_id::StreamId;
use crate::record::Why;
use crate::ring::{Content, Position};
use crate::time::Time;

use super::{Effect, Streams};

impl Streams {
    /// Whether connections leave so much lying that the server should be read no further.
    pub(crate) fn is_backlogged(&self) -> bool {
        self.ring.is_backlogged()
    }

    /// Whether so many exchanges have not been ended, some of them for calls that are over, that another one must
    /// wait: their clients do not read.
    pub(crate) fn has_too_many_connections(&self, in_flight: usize) -> bool {
        self.connections.len() >= 2 * (in_flight + self.max_listening)
    }

    /// When the next connection will have stalled.
    pub(crate) fn stall_deadline(&self, timeout: Duration) -> Option<Time> {
        let since = self.backlogged_since?;
        self.behind().map(|(_, caught_up)| caught_up.max(since) + timeout).min()
    }

    /// Cuts the connections that have not taken their events for `timeout`.
    pub(crate) fn cut_stalled(&mut self, timeout: Duration) {
        let Some(since) = self.backlogged_since else {
            return;
        };
        let now = self.now;
        let is_stalled = |caught_up: Time| caught_up.max(since) + timeout <= now;
        let stalled: Vec<_> =
            self.behind().filter(|(_, caught_up)| is_stalled(*caught_up)).map(|(stream, _)| stream).collect();
        for stream in stalled {
            self.cut(stream, Cut::Stalled);
        }
    }

    /// Keeps the ring within its bounds after `newest` was added.
    pub(super) fn make_room(&mut self, newest: Position) {
        while self.ring.is_over() {
            if let Some(position) = self.ring.oldest_loose(newest) {
                self.evict(position);
                continue;
            }
            // The caller went on although told of the backlog. Whoever is furthest behind loses the connection.
            let behind = self.ring.oldest().and_then(|(_, entry)| entry.stream);
            match behind {
                Some(stream) if self.is_connected(stream) => self.cut(stream, Cut::Overrun),
                _ => return,
            }
        }
    }

    /// Notes since when the session has been backlogged. To be called after each change.
    pub(crate) fn note_backlog(&mut self) {
        let since = self.backlogged_since.unwrap_or(self.now);
        self.backlogged_since = self.ring.is_backlogged().then_some(since);
    }

    pub(super) fn evict(&mut self, position: Position) {
        let Some(entry) = self.take_out(position) else {
            return;
        };
        // A client that comes back is not refused for notifications it never saw: those are recorded, and the
        // answer it comes for may well be there. Without its answer there is nothing to come back for.
        let leaves_a_gap = entry.sent || matches!(entry.content, Content::Answer(_));
        if !entry.sent {
            self.effects.push_back(Effect::Lost(entry.content, entry.data.len(), Why::Evicted));
        }
        let Some(id) = entry.stream else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(&id).filter(|_| leaves_a_gap) {
            stream.evicted = stream.evicted.max(entry.sequence);
            if stream.evicted > stream.sent {
                stream.is_resumable = false;
                let rest: Vec<_> = stream.after(stream.cursor).map(|(_, position)| position).collect();
                rest.into_iter().for_each(|position| self.move_out(position));
            }
        }
        self.forget_if_over(id);
    }

    fn is_connected(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|stream| stream.connection.is_some())
    }

    /// Streams whose connection has events to take, and since when none was taken.
    fn behind(&self) -> impl Iterator<Item = (StreamId, Time)> {
        let open = self.connections.iter().filter(|(_, state)| state.cut.is_none());
        open.filter(|(id, state)| self.has_upcoming(**id, state.stream))
            .map(|(_, state)| (state.stream, state.caught_up))
    }

    fn has_upcoming(&self, connection: ConnectionId, stream: StreamId) -> bool {
        let stream = self.streams.get(&stream).filter(|stream| stream.connection == Some(connection));
        stream.is_some_and(|stream| stream.upcoming().is_some())
    }
}
