//! The way to a server's stdin: written at once when the pipe has room, queued within a bound when not.

use crate::estate::Estate;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use tokio::net::unix::pipe;

/// Parts that are written at once: as a rule two, a message and its line feed.
const AT_ONCE: usize = 16;

/// Messages on their way to a server.
#[derive(Debug)]
pub(crate) struct Input {
    pipe: Option<pipe::Sender>,
    queue: VecDeque<Bytes>,
    queued: usize,
    limit: usize,
    /// Nothing is written at this time.
    held: bool,
    /// Where it is noted what was written.
    estate: Option<Arc<Estate>>,
}

const LINE_FEED: Bytes = Bytes::from_static(b"\n");

impl Input {
    /// `limit` is how many bytes may wait for a server that does not read.
    pub(crate) fn new(pipe: pipe::Sender, limit: usize, estate: Option<Arc<Estate>>) -> Self {
        Self { pipe: Some(pipe), queue: VecDeque::new(), queued: 0, limit, held: false, estate }
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// What waits, in order, in pieces of any size.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.iter()
    }

    /// Whether another message may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.queued < self.limit
    }

    /// Adds one message as a line, to be [flushed](Self::flush).
    pub(crate) fn add(&mut self, message: Bytes) {
        self.push(message);
        self.push(LINE_FEED);
    }

    /// Adds bytes that are lines already, or what is left of some.
    pub(crate) fn push(&mut self, part: Bytes) {
        if self.pipe.is_some() && !part.is_empty() {
            self.queued += part.len();
            self.queue.push_back(part);
        }
    }

    /// Writes nothing more until [`release`](Self::release).
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// Writes again.
    pub(crate) fn release(&mut self) {
        self.held = false;
    }

    /// Writes as much of the queue as the pipe takes. `true` when nothing waits any more.
    pub(crate) fn flush(&mut self) -> bool {
        if self.held {
            return false;
        }
        while let (Some(pipe), false) = (&self.pipe, self.queue.is_empty()) {
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            for (slice, part) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(part);
            }
            let slices = slices.get(..self.queue.len()).unwrap_or(&slices);
            let bytes = slices.iter().map(|slice| slice.len()).sum();
            let write = || pipe.try_write_vectored(slices);
            let written = match &self.estate {
                Some(estate) => estate.write(bytes, write),
                None => write(),
            };
            match written {
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The server closed its stdin. Its end, or a timeout, answers what is in flight.
                Err(_) => self.close(),
            }
        }
        true
    }

    /// So many bytes need not wait any more.
    fn advance(&mut self, mut written: usize) {
        self.queued = self.queued.saturating_sub(written);
        while let Some(front) = self.queue.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.queue.pop_front();
        }
    }

    /// Gives the pipe up; the server reads end of file once init has dropped its duplicate too.
    pub(crate) fn close(&mut self) {
        self.pipe = None;
        self.queue.clear();
        self.queued = 0;
    }

    /// Polls for room in the pipe. Ready at once when there is no pipe any more.
    pub(crate) fn poll_writable(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        match &self.pipe {
            Some(pipe) => pipe.poll_write_ready(cx).map(|_| ()),
            None => std::task::Poll::Ready(()),
        }
    }
}
