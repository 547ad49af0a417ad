//! The streams of one session, the connections that read them, and the ring their events lie in.
//!
//! A stream outlives its connection: a client that has seen one event id may come back and resume. Connections
//! own no queue; each is a place in its stream, and takes events when it is ready to send them.

mod attach;
mod pull;
mod room;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::RequestId;

use crate::config::{Config, Transport};
use crate::event::{ConnectionId, Cut};
use crate::event_id::StreamId;
use crate::record::Why;
use crate::ring::{Content, Entry, Position, Ring};
use crate::time::Time;
use stream::{Answer, Connection, Stream, StreamKind};

/// What follows from a change, for the relay to carry out.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The connection has something to pull.
    Wake(ConnectionId),
    /// The connection was cut.
    Cut(ConnectionId, Cut),
    /// Nobody will ever take this message.
    Lost(Content, usize, Why),
    /// The server request that waited went to this stream.
    Moved(RequestId, StreamId),
    /// The stream this message was on has ended before anybody took it. It may go out on another one.
    Homeless(Content, Bytes),
}

/// Whether messages put on a stream reach the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// A connection is there.
    Connected,
    /// None is, but the client can come back.
    Resumable,
    /// Never.
    None,
}

/// All streams of one session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Streams {
    transport: Transport,
    #[serde(skip)]
    max_listening: usize,
    streams: BTreeMap<StreamId, Stream>,
    connections: HashMap<ConnectionId, Connection>,
    /// GET streams that have a connection.
    listeners: BTreeSet<StreamId>,
    ring: Ring,
    /// Events that wait for the next GET stream.
    waiting: VecDeque<Position>,
    next: u64,
    /// JSON answers that nobody has pulled.
    answers: usize,
    /// Whether nothing more can come, so that GET streams end when all is sent.
    closing: bool,
    now: Time,
    backlogged_since: Option<Time>,
    #[serde(skip)]
    effects: VecDeque<Effect>,
}

impl Streams {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            transport: config.transport,
            max_listening: config.connections,
            streams: BTreeMap::new(),
            connections: HashMap::new(),
            listeners: BTreeSet::new(),
            ring: Ring::new(config.ring_bytes, config.ring_events),
            waiting: VecDeque::new(),
            next: 0,
            answers: 0,
            closing: false,
            now: Time::default(),
            backlogged_since: None,
            effects: VecDeque::new(),
        }
    }

    /// Takes the bounds of the one who goes on with streams from a record. Events that the record had no room for are lost.
    pub(crate) fn refit(&mut self, config: &Config) {
        self.max_listening = config.connections;
        for position in self.ring.refit(config.ring_bytes, config.ring_events) {
            self.evict(position);
        }
    }

    /// The connections that are open. What they took after the record was made, nobody knows: a client that comes back
    /// with the id of any event there was is believed.
    pub(crate) fn orphaned(&mut self) -> Vec<ConnectionId> {
        let has_ids = self.transport == Transport::Streamable;
        for stream in self.streams.values_mut().filter(|stream| has_ids && stream.connection.is_some()) {
            stream.may_have_sent_all();
        }
        self.connections.keys().copied().collect()
    }

    /// Time has passed. It is never set back.
    pub(crate) fn advance(&mut self, now: Time) {
        self.now = now;
    }

    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// JSON answers that nobody has pulled.
    pub(crate) fn answers(&self) -> usize {
        self.answers
    }

    pub(crate) fn is_open(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    pub(crate) fn reach(&self, stream: StreamId) -> Reach {
        self.streams.get(&stream).map_or(Reach::None, Stream::reach)
    }

    /// The oldest GET stream that has a connection.
    pub(crate) fn listener(&self) -> Option<StreamId> {
        self.listeners.first().copied()
    }

    /// Puts a message on a stream, or keeps it for the next GET stream.
    pub(crate) fn send(&mut self, stream: Option<StreamId>, content: Content, data: Bytes) {
        let position = self.ring.push(Entry { stream: None, sequence: 0, content, data, sent: false });
        match stream {
            Some(stream) => self.assign(position, stream),
            None => {
                self.ring.loosen(position);
                self.waiting.push_back(position);
            }
        }
        self.make_room(position);
    }

    /// Gives a request of a POST its answer.
    pub(crate) fn answer(&mut self, stream: StreamId, id: RequestId, data: Bytes) {
        let Some(state) = self.streams.get_mut(&stream) else {
            self.effects.push_back(Effect::Lost(Content::Answer(id), data.len(), Why::ClientLeft));
            return;
        };
        state.open_calls = state.open_calls.saturating_sub(1);
        match state.reach() {
            Reach::None => {
                self.effects.push_back(Effect::Lost(Content::Answer(id), data.len(), Why::ClientLeft));
                self.forget_if_over(stream);
            }
            Reach::Connected if !state.is_sse && state.open_calls == 0 => {
                state.answer = Some(Answer { id, data });
                self.answers += 1;
                self.wake(stream);
            }
            _ => self.send(Some(stream), Content::Answer(id), data),
        }
    }

    /// The requests of a POST need no answer any more: nobody waits for one.
    pub(crate) fn abandon(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.open_calls = 0;
        }
        self.wake(id);
        self.forget_if_over(id);
    }

    /// Takes back a server request that nobody has seen. Tells whether there was one.
    pub(crate) fn withdraw(&mut self, id: &RequestId) -> bool {
        let Some(entry) = self.ring.unsent_request(id).and_then(|position| self.take_out(position)) else {
            return false;
        };
        if let Some(stream) = entry.stream {
            self.forget_if_over(stream);
        }
        true
    }

    /// Nothing more will come from the server: GET streams end when all is sent.
    pub(crate) fn close_down(&mut self) {
        self.closing = true;
        for stream in self.listeners.clone() {
            self.wake(stream);
        }
    }

    /// Whether events wait for the next GET stream.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nobody will pull any more. What nobody has taken is lost.
    pub(crate) fn end(&mut self) {
        for stream in std::mem::take(&mut self.streams).into_values() {
            let answer =
                stream.answer.map(|answer| Effect::Lost(Content::Answer(answer.id), answer.data.len(), Why::SessionEnded));
            self.effects.extend(answer);
        }
        let unsent = self.ring.take_all().filter(|entry| !entry.sent);
        self.effects.extend(unsent.map(|entry| Effect::Lost(entry.content, entry.data.len(), Why::SessionEnded)));
        self.connections.clear();
        self.listeners.clear();
        self.waiting.clear();
        self.answers = 0;
    }

    /// Gives an event its place on a stream.
    fn assign(&mut self, position: Position, id: StreamId) {
        let (Some(stream), Some(entry)) = (self.streams.get_mut(&id), self.ring.get_mut(position)) else {
            return;
        };
        entry.stream = Some(id);
        let is_first = stream.upcoming().is_none();
        entry.sequence = stream.append(position);
        stream.is_sse = true;
        if let Some(connection) = stream.connection {
            self.ring.hold(position);
            if is_first && let Some(state) = self.connections.get_mut(&connection) {
                state.caught_up = self.now;
            }
            self.wake(id);
        } else {
            self.ring.loosen(position);
        }
    }

    /// Takes an event out of the ring and out of its stream.
    fn take_out(&mut self, position: Position) -> Option<Entry> {
        let entry = self.ring.remove(position)?;
        match entry.stream {
            Some(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.events.remove(&entry.sequence);
                }
            }
            // The oldest goes first almost always; a chatty server without a listener comes here for each line.
            None if self.waiting.front() == Some(&position) => {
                self.waiting.pop_front();
            }
            None => self.waiting.retain(|waiting| *waiting != position),
        }
        Some(entry)
    }

    /// Gives a stream an event that waited for one.
    fn assign_waiting(&mut self, position: Position, id: StreamId) {
        if let Some(Content::Request(request, _)) = self.ring.get(position).map(|entry| &entry.content) {
            self.effects.push_back(Effect::Moved(request.clone(), id));
        }
        self.assign(position, id);
    }

    fn wake(&mut self, stream: StreamId) {
        let Some(connection) = self.streams.get(&stream).and_then(|stream| stream.connection) else {
            return;
        };
        if let Some(state) = self.connections.get_mut(&connection)
            && !std::mem::replace(&mut state.woken, true)
        {
            self.effects.push_back(Effect::Wake(connection));
        }
    }

    /// Drops what is known of a stream that has nothing more to say and nobody to say it to.
    fn forget_if_over(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let is_over = match stream.kind {
            StreamKind::Call => stream.open_calls == 0 && stream.answer.is_none(),
            StreamKind::Listen => !stream.is_resumable,
        };
        if is_over && stream.connection.is_none() && stream.events.is_empty() {
            self.streams.remove(&id);
        }
    }
}
