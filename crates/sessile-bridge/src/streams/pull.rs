//! What a connection may send next.

use std::time::Duration;

use bytes::Bytes;

use crate::config::Transport;
use crate::event::{ConnectionId, Pull, SseEvent};
use crate::event_id::{EventId, StreamId};

use super::Streams;
use super::stream::{Answer, StreamKind};

impl Streams {
    /// What `connection` may send next. With `prime`, a stream opens with an event that has an id and no data.
    pub(crate) fn pull(&mut self, connection: ConnectionId, prime: Option<Duration>) -> Pull {
        let Some(state) = self.connections.get_mut(&connection) else {
            return Pull::End;
        };
        state.woken = false;
        state.caught_up = self.now;
        let id = state.stream;
        if let Some(cut) = state.cut {
            self.connections.remove(&connection);
            return Pull::Cut(cut);
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            self.connections.remove(&connection);
            return Pull::End;
        };
        if !state.is_sse {
            if let Some(Answer { data, .. }) = stream.answer.take() {
                self.answers = self.answers.saturating_sub(1);
                self.hang_up(connection, id);
                return Pull::Json(data);
            }
            if !stream.is_sse {
                return Pull::Pending;
            }
            state.is_sse = true;
            return Pull::OpenSse;
        }
        let has_ids = self.transport == Transport::Streamable;
        if let Some(retry) = prime
            && has_ids
            && !stream.is_resumable
        {
            stream.is_resumable = true;
            let id = EventId { stream: id, sequence: 0 }.to_string();
            return Pull::Event(SseEvent { id: Some(id), retry: Some(retry), data: Bytes::new() });
        }
        let Some((sequence, position)) = stream.upcoming() else {
            if stream.is_over() || (stream.kind == StreamKind::Listen && self.closing) {
                self.hang_up(connection, id);
                return Pull::End;
            }
            return Pull::Pending;
        };
        stream.cursor = sequence;
        stream.sent = stream.sent.max(sequence);
        stream.is_resumable |= has_ids;
        let data = self.ring.get_mut(position).map(|entry| {
            entry.sent = true;
            entry.data.clone()
        });
        if has_ids {
            self.ring.loosen(position);
        } else {
            // Without an id nobody can ask for it again.
            self.take_out(position);
        }
        self.note_backlog();
        let id = has_ids.then(|| EventId { stream: id, sequence }.to_string());
        Pull::Event(SseEvent { id, retry: None, data: data.unwrap_or_default() })
    }

    /// All is said on this connection.
    fn hang_up(&mut self, connection: ConnectionId, id: StreamId) {
        self.connections.remove(&connection);
        self.listeners.remove(&id);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.connection = None;
        }
        self.forget_if_over(id);
    }
}
