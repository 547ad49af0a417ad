//! The way to a server's stdin: written at once when the pipe has room, queued within a bound when not.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use tokio::net::unix::pipe;

/// Messages on their way to a server.
#[derive(Debug)]
pub(crate) struct Input {
    pipe: Option<pipe::Sender>,
    queue: VecDeque<Bytes>,
    queued: usize,
    limit: usize,
}

const LINE_FEED: Bytes = Bytes::from_static(b"\n");

impl Input {
    /// `limit` is how many bytes may wait for a server that does not read.
    pub(crate) fn new(pipe: pipe::Sender, limit: usize) -> Self {
        Self { pipe: Some(pipe), queue: VecDeque::new(), queued: 0, limit }
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether another message may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.queued < self.limit
    }

    /// Sends one message as a line, or queues what the pipe does not take.
    pub(crate) fn send(&mut self, message: Bytes) {
        if self.queue.is_empty()
            && let Some(pipe) = &self.pipe
        {
            let parts = [IoSlice::new(&message), IoSlice::new(b"\n")];
            match pipe.try_write_vectored(&parts) {
                Ok(written) if written > message.len() => return,
                Ok(written) => {
                    self.push(message.slice(written.min(message.len())..));
                    self.push(LINE_FEED);
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    // The server closed its stdin. Its end, or a timeout, answers what is in flight.
                    self.close();
                    return;
                }
            }
        }
        if self.pipe.is_some() {
            self.push(message);
            self.push(LINE_FEED);
        }
    }

    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.queued += part.len();
            self.queue.push_back(part);
        }
    }

    /// Writes as much of the queue as the pipe takes. `true` when nothing waits any more.
    pub(crate) fn flush(&mut self) -> bool {
        while let (Some(pipe), Some(front)) = (&self.pipe, self.queue.front_mut()) {
            match pipe.try_write(front) {
                Ok(written) => {
                    self.queued = self.queued.saturating_sub(written);
                    front.advance(written);
                    if front.is_empty() {
                        self.queue.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => self.close(),
            }
        }
        true
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
