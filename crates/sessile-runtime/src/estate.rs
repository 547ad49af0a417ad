//! What a session leaves to the runtime that comes after this one, should this one be killed: memory that the sandbox's init
//! keeps open. Nothing in it is on any disk; it goes with the sandbox.
//!
//! It holds four things, the first three written before anybody outside can see their effect:
//!
//! - the *record*: the state of the session as text ([`record`](crate::record)), written whole into one of two slots in turn, so that
//!   one is always good;
//! - the *outbox*: how much of what the record says is to be written to the server has been written;
//! - the *inbox*: what was read from the server and is not accounted for in the record yet;
//! - the *tail*: the last that the server wrote for people.
//!
//! So a message is taken from the pipe once and put into it once, wherever the runtime is killed; except in the few instructions between
//! a write and the note that it was done. What was under way then is known ([`Left::attempt`]).
//!
//! For a server that speaks HTTP, the pipes end with the runtime. What was *written* is what its peer has passed on, and there is no
//! inbox: what came on the connections and was not accounted for is asked for again, or its calls are said to be lost.

mod inbox;
mod memory;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use inbox::{Inbox, READ_CHUNK};
pub(crate) use tail::{KeptTail, TAIL_BYTES};

use memory::Memory;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tells this form of the memory from others.
const FORM: u64 = 0x5e55_11e0_0000_0001;
/// Where the slots begin: words before that.
const HEADER: usize = 4096;
/// The most that one record may hold. A session that grows beyond it cannot be taken over.
const SLOT: usize = 64 << 20;
/// A record beyond this is given back to the system when a smaller one has taken its place.
const LARGE: usize = 256 << 10;

/// The words of the header.
mod word {
    pub(super) const FORM: usize = 0;
    /// The slot that counts: 1 or 2; 0 for none.
    pub(super) const SLOT: usize = 1;
    /// How long the record in each slot is.
    pub(super) const LENGTHS: [usize; 2] = [2, 3];
    /// Bytes that were written to the server, since it runs.
    pub(super) const WRITTEN: usize = 4;
    /// Bytes that are being written at this moment; 0 when nothing is.
    pub(super) const ATTEMPT: usize = 5;
    /// How large each half of the inbox is.
    pub(super) const HALF: usize = 6;
    /// The half that counts, 0 or 1.
    pub(super) const SIDE: usize = 7;
    /// For each half: which byte of the server's output lies at its start, and how many bytes are in it.
    pub(super) const ORIGINS: [usize; 2] = [8, 10];
    pub(super) const FILLED: [usize; 2] = [9, 11];
    /// Bytes that were ever added to the tail.
    pub(super) const TAIL: usize = 12;
}

/// The estate of one session.
#[derive(Debug)]
pub(crate) struct Estate {
    memory: Arc<Memory>,
    /// How long the longest record in each slot was since its pages were given back.
    touched: [AtomicUsize; 2],
}

/// What is found in the estate of a runtime that is gone.
#[derive(Debug)]
pub(crate) struct Left {
    /// The newest record.
    pub(crate) record: String,
    /// Bytes that were written to the server since it runs, for certain.
    pub(crate) written: u64,
    /// Bytes more that were being written when the runtime was killed: nobody knows whether they were.
    pub(crate) attempt: u64,
}

impl Estate {
    /// An empty estate, for a server whose messages have at most `message` bytes.
    pub(crate) fn new(message: usize) -> io::Result<Self> {
        let half = inbox::half(message);
        let memory = Memory::new(HEADER + 2 * SLOT + 2 * half + tail::ROOM)?;
        memory.word(word::FORM).store(FORM, Ordering::Relaxed);
        memory.word(word::HALF).store(half as u64, Ordering::Relaxed);
        Ok(Self { memory: Arc::new(memory), touched: Default::default() })
    }

    /// What a runtime that is gone left. `None` in its place if no session was there to leave anything.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Option<(Self, Left)>> {
        let memory = Memory::open(file)?;
        if memory.size() < HEADER || memory.word(word::FORM).load(Ordering::Acquire) != FORM {
            return Err(io::Error::other("it was written by another version"));
        }
        let read = |number: usize| memory.word(number).load(Ordering::Acquire);
        let slot = match read(word::SLOT) {
            1 => 0,
            2 => 1,
            _ => return Ok(None),
        };
        let length = word::LENGTHS.get(slot).map_or(0, |number| read(*number));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let record = String::from_utf8(memory.get(at(slot), length)).map_err(io::Error::other)?;
        let left = Left { record, written: read(word::WRITTEN), attempt: read(word::ATTEMPT) };
        Ok(Some((Self { memory: Arc::new(memory), touched: [AtomicUsize::new(SLOT), AtomicUsize::new(SLOT)] }, left)))
    }

    /// What init is to hold.
    pub(crate) fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(self.memory.file())
    }

    /// The inbox, for the one who reads the server.
    pub(crate) fn inbox(&self) -> Inbox {
        Inbox::new(Arc::clone(&self.memory))
    }

    /// The tail, for the one who reads what the server writes for people.
    pub(crate) fn tail(&self) -> KeptTail {
        KeptTail::new(Arc::clone(&self.memory))
    }

    /// Writes the record. When this returns it counts. `false` if it is too long to be kept: then none counts any more.
    pub(crate) fn save(&self, record: &[u8]) -> bool {
        let counts = self.memory.word(word::SLOT);
        let slot = usize::from(counts.load(Ordering::Relaxed) == 1);
        if record.len() > SLOT || !self.memory.put(at(slot), record) {
            counts.store(0, Ordering::Release);
            return false;
        }
        if let (Some(length), Some(touched)) = (word::LENGTHS.get(slot), self.touched.get(slot)) {
            self.memory.word(*length).store(record.len() as u64, Ordering::Release);
            let most = touched.fetch_max(record.len(), Ordering::Relaxed);
            if most > LARGE && record.len() < LARGE {
                self.memory.release(at(slot) + LARGE, SLOT - LARGE);
                touched.store(LARGE, Ordering::Relaxed);
            }
        }
        // What was under way in a runtime before this one is settled by the record.
        let attempt = self.memory.word(word::ATTEMPT);
        if attempt.load(Ordering::Relaxed) != 0 {
            attempt.store(0, Ordering::Release);
        }
        counts.store(slot as u64 + 1, Ordering::Release);
        true
    }

    /// Bytes that were written to the server, since it runs.
    pub(crate) fn written(&self) -> u64 {
        self.memory.word(word::WRITTEN).load(Ordering::Relaxed)
    }

    /// Notes that so many bytes need not be written any more. For a server whose bytes are not simply written to a pipe.
    pub(crate) fn passed_on(&self, bytes: u64) {
        self.memory.word(word::WRITTEN).fetch_add(bytes, Ordering::Release);
    }

    /// Writes `bytes` to the server by `write`, which tells how many it wrote.
    pub(crate) fn write(&self, bytes: usize, write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        self.memory.word(word::ATTEMPT).store(bytes as u64, Ordering::Release);
        let outcome = write();
        if let Ok(written) = &outcome {
            // Both sides of the moment are told apart by the attempt, which ends after it.
            self.memory.word(word::WRITTEN).fetch_add(*written as u64, Ordering::Release);
        }
        self.memory.word(word::ATTEMPT).store(0, Ordering::Release);
        outcome
    }
}

/// Where a slot begins.
fn at(slot: usize) -> usize {
    HEADER + slot * SLOT
}
