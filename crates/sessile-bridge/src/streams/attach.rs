//! Connections come, come back, and go.

use std::collections::VecDeque;

use crate::config::Transport;
use crate::event::{ConnectionId, Cut};
use crate::event_id::{EventId, StreamId};
use crate::record::Why;
use crate::refusal::Refusal;
use crate::ring::{Content, Position};

use super::stream::{Answer, Connection, Stream, StreamKind};
use super::{Effect, Streams};

impl Streams {
    /// A POST with `calls` requests. With `is_sse` its answer is a stream in any case.
    pub(crate) fn open_call(&mut self, connection: ConnectionId, calls: usize, is_sse: bool) -> StreamId {
        let id = self.open(connection, StreamKind::Call);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.open_calls = calls;
            stream.is_sse = is_sse;
        }
        if is_sse {
            self.wake(id);
        }
        id
    }

    /// A GET without `Last-Event-ID`.
    pub(crate) fn listen(&mut self, connection: ConnectionId) -> Result<(), Refusal> {
        let displaced = self.listener().filter(|_| self.transport == Transport::SingleStream);
        self.check_room(connection, displaced.is_some())?;
        let id = self.open(connection, StreamKind::Listen);
        if let Some(old) = displaced {
            self.cut(old, Cut::Displaced);
        }
        self.start_listening(id);
        Ok(())
    }

    /// A GET with `Last-Event-ID`.
    pub(crate) fn resume(&mut self, connection: ConnectionId, last: &str) -> Result<(), Refusal> {
        let unknown = || Refusal::UnknownEventId { id: last.to_owned() };
        let last_id = EventId::parse(last).ok_or_else(unknown)?;
        let id = last_id.stream;
        let Some(stream) = self.streams.get(&id) else {
            let was_there = id.0 < self.next;
            return Err(if was_there { Refusal::EventIdGone { id: last.to_owned() } } else { unknown() });
        };
        if last_id.sequence > stream.sent {
            return Err(unknown());
        }
        if last_id.sequence < stream.evicted {
            return Err(Refusal::EventIdGone { id: last.to_owned() });
        }
        if !stream.is_resumable {
            return Err(unknown());
        }
        let kind = stream.kind;
        let old = stream.connection;
        let takes_place = old.and_then(|old| self.connections.get(&old)).is_some_and(|old| old.is_get);
        self.check_room(connection, takes_place)?;
        if let Some(old) = old {
            self.mark_cut(old, Cut::Displaced);
        }
        self.connections.insert(connection, Connection::new(id, true, self.now));
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.connection = Some(connection);
            stream.cursor = last_id.sequence;
            // Also what an earlier connection left, before the place the client has reached by now.
            for (sequence, position) in &stream.events {
                if *sequence > last_id.sequence {
                    self.ring.hold(*position);
                } else {
                    self.ring.loosen(*position);
                }
            }
        }
        self.wake(id);
        if kind == StreamKind::Listen {
            self.start_listening(id);
        }
        Ok(())
    }

    /// Lets the server requests that wait for a GET stream go out on a call instead: a client that opens no GET
    /// stream could else never answer them, while the server may answer nothing before they are.
    pub(crate) fn adopt_requests(&mut self, id: StreamId) {
        let waiting = std::mem::take(&mut self.waiting);
        let is_request = |position: &Position| {
            let content = self.ring.get(*position).map(|entry| &entry.content);
            matches!(content, Some(Content::Request(..)))
        };
        let (requests, rest): (VecDeque<_>, VecDeque<_>) = waiting.into_iter().partition(is_request);
        self.waiting = rest;
        for position in requests {
            self.assign_waiting(position, id);
        }
    }

    /// The HTTP side will wait no longer for a JSON answer.
    pub(crate) fn demand_sse(&mut self, connection: ConnectionId) {
        let Some(state) = self.connections.get(&connection) else {
            return;
        };
        let id = state.stream;
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.connection == Some(connection)
            && stream.answer.is_none()
        {
            stream.is_sse = true;
            self.wake(id);
        }
    }

    /// The exchange ended by itself.
    pub(crate) fn close(&mut self, connection: ConnectionId) {
        let Some(state) = self.connections.remove(&connection) else {
            return;
        };
        if state.cut.is_none() {
            self.detach(state.stream);
        }
    }

    /// Ends the connection of a stream early.
    pub(super) fn cut(&mut self, id: StreamId, cut: Cut) {
        let Some(connection) = self.streams.get(&id).and_then(|stream| stream.connection) else {
            return;
        };
        self.mark_cut(connection, cut);
        self.detach(id);
    }

    fn mark_cut(&mut self, connection: ConnectionId, cut: Cut) {
        if let Some(state) = self.connections.get_mut(&connection) {
            state.cut = Some(cut);
            state.woken = true;
            self.effects.push_back(Effect::Cut(connection, cut));
            self.effects.push_back(Effect::Wake(connection));
        }
    }

    fn open(&mut self, connection: ConnectionId, kind: StreamKind) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.streams.insert(id, Stream::new(kind, connection));
        self.connections.insert(connection, Connection::new(id, kind == StreamKind::Listen, self.now));
        id
    }

    /// Whether one more GET may connect. Cut connections count by themselves until they are gone, so that a client
    /// whose old connections are stuck can still take their place, but not without end.
    fn check_room(&self, connection: ConnectionId, displaces: bool) -> Result<(), Refusal> {
        if self.is_open(connection) {
            return Err(Refusal::ConnectionInUse);
        }
        let limit = self.max_listening;
        let gets = |is_cut: bool| {
            let of_kind = |state: &&Connection| state.is_get && state.cut.is_some() == is_cut;
            self.connections.values().filter(of_kind).count()
        };
        let is_full = gets(true) >= limit || (gets(false) >= limit && !displaces);
        if is_full { Err(Refusal::TooManyConnections { limit }) } else { Ok(()) }
    }

    /// A GET stream has a connection again, and takes what waited for one.
    fn start_listening(&mut self, id: StreamId) {
        self.listeners.insert(id);
        for position in std::mem::take(&mut self.waiting) {
            self.assign_waiting(position, id);
        }
        self.wake(id);
    }

    /// A stream has lost its connection.
    fn detach(&mut self, id: StreamId) {
        self.listeners.remove(&id);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.connection = None;
        if let Some(Answer { id, data }) = stream.answer.take() {
            self.answers = self.answers.saturating_sub(1);
            self.effects.push_back(Effect::Lost(Content::Answer(id), data.len(), Why::ClientLeft));
        }
        let rest: Vec<_> = stream.after(stream.cursor).map(|(_, position)| position).collect();
        if stream.kind == StreamKind::Listen || !stream.is_resumable {
            rest.into_iter().for_each(|position| self.move_out(position));
        } else {
            rest.into_iter().for_each(|position| self.ring.loosen(position));
        }
        self.forget_if_over(id);
        self.forget_old_listeners();
    }

    /// Frees an event from a stream that may never be read again.
    pub(super) fn move_out(&mut self, position: Position) {
        if self.ring.get(position).is_some_and(|entry| entry.sent) {
            // Taken by an earlier connection: here for replay only, and must not go out a second time elsewhere.
            self.ring.loosen(position);
            return;
        }
        let single = self.transport == Transport::SingleStream;
        let Some(entry) = self.take_out(position) else {
            return;
        };
        self.effects.push_back(match entry.content {
            Content::Answer(_) if !single => Effect::Lost(entry.content, entry.data.len(), Why::ClientLeft),
            content => Effect::Homeless(content, entry.data),
        });
    }

    /// GET streams without a connection and without events are kept for clients that come back, but only so many.
    fn forget_old_listeners(&mut self) {
        let is_idle = |stream: &Stream| {
            stream.kind == StreamKind::Listen && stream.connection.is_none() && stream.events.is_empty()
        };
        let idle: Vec<_> = self.streams.iter().filter(|(_, stream)| is_idle(stream)).map(|(id, _)| *id).collect();
        for id in idle.iter().take(idle.len().saturating_sub(self.max_listening)) {
            self.streams.remove(id);
        }
    }
}
