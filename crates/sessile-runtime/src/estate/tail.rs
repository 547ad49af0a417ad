//! The last that a server wrote for people, for the post-mortem that another runtime may have to write.

use super::inbox::Inbox;
use super::memory::Memory;
use super::word;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes that are kept.
pub(crate) const TAIL_BYTES: usize = 8 * 1024;
/// Bytes of memory: what is being written takes the place of nothing that is kept.
pub(super) const ROOM: usize = 2 * TAIL_BYTES;

/// The tail in an estate: a ring, of which the newest half counts.
#[derive(Debug)]
pub(crate) struct KeptTail {
    memory: Arc<Memory>,
    /// Where the ring begins.
    start: usize,
    /// Bytes that were ever added.
    added: u64,
}

impl KeptTail {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let (start, added) = (Inbox::end(&memory), memory.word(word::TAIL).load(Ordering::Acquire));
        Self { memory, start, added }
    }

    /// Adds what was read, forgetting the oldest.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let last = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        let at = self.place();
        let (first, second) = last.split_at(last.len().min(ROOM - at));
        self.memory.put(self.start + at, first);
        self.memory.put(self.start, second);
        self.added += last.len() as u64;
        self.memory.word(word::TAIL).store(self.added, Ordering::Release);
    }

    /// What is kept.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (at, length) = (self.place(), usize::try_from(self.added).unwrap_or(usize::MAX).min(TAIL_BYTES));
        let before = length.saturating_sub(at);
        let mut bytes = self.memory.get(self.start + ROOM - before, before);
        bytes.extend(self.memory.get(self.start + at - (length - before), length - before));
        bytes
    }

    /// Where the next byte belongs.
    fn place(&self) -> usize {
        usize::try_from(self.added % ROOM as u64).unwrap_or(0)
    }
}
