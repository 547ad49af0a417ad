//! What was read from a server and is not accounted for yet: read from its pipe straight into memory that outlives this process.

use super::memory::Memory;
use super::{HEADER, SLOT, word};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes that are read at a time.
pub(crate) const READ_CHUNK: usize = 16 * 1024;
/// Halves are whole pages.
const PAGE: usize = 4096;

/// How large each half of an inbox must be: a message that is not whole yet, and what is read next.
pub(super) fn half(message: usize) -> usize {
    message.saturating_add(2 * READ_CHUNK).next_multiple_of(PAGE).min(SLOT)
}

/// The inbox of one session. Bytes have numbers: the first that the server ever wrote is 0.
///
/// One half is filled at a time. When it has no room, what is still needed of it is copied to the other one, which counts from then
/// on. Behind what is filled all is zero, and text holds no zero: so what was read in the moment of a kill is found too.
#[derive(Debug)]
pub(crate) struct Inbox {
    memory: Arc<Memory>,
    half: usize,
    side: usize,
    origin: u64,
    filled: usize,
}

impl Inbox {
    /// What follows the inbox in the memory begins here.
    pub(super) fn end(memory: &Memory) -> usize {
        let half = usize::try_from(memory.word(word::HALF).load(Ordering::Relaxed)).unwrap_or(0);
        HEADER + 2 * SLOT + 2 * half
    }

    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let half = usize::try_from(memory.word(word::HALF).load(Ordering::Relaxed)).unwrap_or(0);
        let side = usize::from(memory.word(word::SIDE).load(Ordering::Relaxed) == 1);
        let mut inbox = Self { memory, half, side, origin: 0, filled: 0 };
        inbox.origin = inbox.load(word::ORIGINS);
        inbox.filled = usize::try_from(inbox.load(word::FILLED)).unwrap_or(0).min(half);
        inbox
    }

    /// What was read before, from byte `taken` on, also what was read in the moment of a kill.
    pub(crate) fn rest(&mut self, taken: u64) -> Vec<u8> {
        // A kill may have come before the other half was cleared.
        self.memory.release(HEADER + 2 * SLOT + (1 - self.side) * self.half, self.half);
        let just_read = self.memory.get(self.at(self.filled), READ_CHUNK.min(self.half - self.filled));
        let length = just_read.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.took(length);
        let done = usize::try_from(taken.saturating_sub(self.origin)).unwrap_or(usize::MAX).min(self.filled);
        self.memory.get(self.at(done), self.filled - done)
    }

    /// Begins anew, in a stream of which everything before byte `taken` is accounted for, and `rest` was read after that.
    pub(crate) fn begin(&mut self, taken: u64, rest: &[u8]) {
        self.turn(taken, rest);
    }

    /// Room for what is read next, when everything before byte `taken` is accounted for.
    pub(crate) fn room(&mut self, taken: u64) -> &mut [u8] {
        let done = usize::try_from(taken.saturating_sub(self.origin)).unwrap_or(usize::MAX).min(self.filled);
        if done == self.filled && done > 0 {
            self.turn(taken, &[]);
        } else if self.half - self.filled < READ_CHUNK {
            let rest = self.memory.get(self.at(done), self.filled - done);
            self.turn(taken, &rest);
        }
        let room = READ_CHUNK.min(self.half - self.filled);
        // SAFETY: only the inbox touches the halves, and it is borrowed as long as the loan lasts.
        #[allow(unsafe_code)]
        unsafe {
            self.memory.spare(self.at(self.filled), room)
        }
    }

    /// So many bytes were read into the room.
    pub(crate) fn took(&mut self, length: usize) {
        self.filled = (self.filled + length).min(self.half);
        self.store(word::FILLED, self.filled as u64);
    }

    /// Goes on in the other half, with `rest`, whose first byte has this number.
    fn turn(&mut self, origin: u64, rest: &[u8]) {
        let (old, length) = (self.at(0), self.filled);
        self.side = 1 - self.side;
        self.memory.put(self.at(0), rest);
        (self.origin, self.filled) = (origin, rest.len());
        self.store(word::ORIGINS, origin);
        self.store(word::FILLED, rest.len() as u64);
        self.memory.word(word::SIDE).store(self.side as u64, Ordering::Release);
        self.memory.clear(old, length);
    }

    fn at(&self, place: usize) -> usize {
        HEADER + 2 * SLOT + self.side * self.half + place
    }

    fn load(&self, words: [usize; 2]) -> u64 {
        words.get(self.side).map_or(0, |number| self.memory.word(*number).load(Ordering::Acquire))
    }

    fn store(&self, words: [usize; 2], value: u64) {
        if let Some(number) = words.get(self.side) {
            self.memory.word(*number).store(value, Ordering::Release);
        }
    }
}
