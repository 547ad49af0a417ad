//! What must hold inside the streams at any time.

use super::*;

impl Streams {
    /// Panics unless the tables agree with each other and keep their bounds.
    pub(crate) fn check(&self, max_bytes: usize, max_events: usize) {
        self.ring.check(max_bytes, max_events);
        for (position, entry, is_held) in self.ring.all() {
            let place = match entry.stream {
                Some(id) => self.streams[&id].events.get(&entry.sequence),
                None => self.waiting.iter().find(|waiting| **waiting == position),
            };
            assert_eq!(place, Some(&position));
            let stream = entry.stream.map(|id| &self.streams[&id]);
            let to_come = |stream: &Stream| stream.connection.is_some() && entry.sequence > stream.cursor;
            assert_eq!(is_held, stream.is_some_and(to_come), "held while a connection is there to take it");
        }
        let placed: usize = self.streams.values().map(|stream| stream.events.len()).sum();
        assert_eq!(placed + self.waiting.len(), self.ring.all().count());
        assert_eq!(self.answers, self.streams.values().filter(|stream| stream.answer.is_some()).count());
        for (id, stream) in &self.streams {
            if let Some(connection) = stream.connection {
                assert_eq!(self.connections[&connection].stream, *id);
                assert_eq!(self.connections[&connection].cut, None);
            }
            let listens = stream.kind == StreamKind::Listen && stream.connection.is_some();
            assert_eq!(self.listeners.contains(id), listens);
            assert!(stream.cursor <= stream.sent);
        }
        let gets = |is_cut: bool| {
            let of_kind = |state: &&Connection| state.is_get && state.cut.is_some() == is_cut;
            self.connections.values().filter(of_kind).count()
        };
        assert!(gets(false) <= self.max_listening);
        let idle = self
            .streams
            .values()
            .filter(|stream| stream.connection.is_none() && stream.events.is_empty() && stream.open_calls == 0);
        assert!(idle.count() <= self.max_listening + max_events, "streams nobody can come back to are forgotten");
        assert!(self.effects.is_empty());
    }

    /// How many streams are remembered.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Notifications that no connection has taken.
    pub(crate) fn unsent(&self) -> usize {
        let is_unsent = |entry: &Entry| !entry.sent && matches!(entry.content, Content::Notification(_));
        self.ring.all().filter(|(_, entry, _)| is_unsent(entry)).count()
    }
}
