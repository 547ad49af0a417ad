//! A ring in the record of its session: every event by its place, but not more data than is good to write at every step.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Content, Entry, Position, Ring};
use crate::event_id::StreamId;

/// How many bytes of events a record holds. Those that nobody has taken come first, oldest first; the rest is what clients
/// may come back for, newest first.
const KEPT_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct RingRef<'a> {
    entries: Vec<EntryRef<'a>>,
    loose: &'a BTreeSet<Position>,
    next: Position,
}

#[derive(Serialize)]
struct EntryRef<'a> {
    position: Position,
    stream: Option<StreamId>,
    sequence: u64,
    content: &'a Content,
    sent: bool,
    data: Option<&'a str>,
}

#[derive(Deserialize)]
struct RingRecord {
    entries: Vec<EntryRecord>,
    loose: BTreeSet<Position>,
    next: Position,
}

#[derive(Deserialize)]
struct EntryRecord {
    position: Position,
    stream: Option<StreamId>,
    sequence: u64,
    content: Content,
    sent: bool,
    data: Option<String>,
}

impl Serialize for Ring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut room = KEPT_BYTES;
        let unsent = self.entries.iter().filter(|(_, entry)| !entry.sent);
        let sent = self.entries.iter().rev().filter(|(_, entry)| entry.sent);
        let entries = unsent.chain(sent).map(|(position, entry)| {
            let left = room.checked_sub(entry.data.len());
            room = left.unwrap_or(room);
            EntryRef {
                position: *position,
                stream: entry.stream,
                sequence: entry.sequence,
                content: &entry.content,
                sent: entry.sent,
                data: left.and_then(|_| std::str::from_utf8(&entry.data).ok()),
            }
        });
        RingRef { entries: entries.collect(), loose: &self.loose, next: self.next }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RingRecord { entries, loose, next } = RingRecord::deserialize(deserializer)?;
        let mut ring = Self { next, ..Self::new(0, 0) };
        for EntryRecord { position, stream, sequence, content, sent, data } in entries {
            if data.is_none() {
                ring.left_out.push(position);
            }
            let data = Bytes::from(data.unwrap_or_default());
            ring.bytes += data.len();
            ring.entries.insert(position, Entry { stream, sequence, content, data, sent });
        }
        loose.into_iter().for_each(|position| ring.loosen(position));
        ring.left_out.sort_unstable();
        Ok(ring)
    }
}
