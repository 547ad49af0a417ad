//! The way to a server's stdin: written at once when the pipe has room, queued within a bound when not.
//!
//! Of a server that speaks HTTP, the pipe leads to the session's peer, and ends with this process as that does. What is in it is kept
//! here until the peer has noted that it took it.

use crate::estate::Estate;
use crate::peer::{About, Conversation};
use bytes::{Buf, Bytes};
use sessile_protocol::Message;
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
    kept: Kept,
}

/// How another runtime will know what is left to be written.
#[derive(Debug)]
pub(crate) enum Kept {
    /// There will be none.
    Nothing,
    /// What is written is in the server's pipe, which outlives this process; it is noted there.
    Written(Arc<Estate>),
    /// What is written is with the peer.
    Lent(Lent),
}

/// What the peer was given.
#[derive(Debug)]
pub(crate) struct Lent {
    conversation: Conversation,
    /// What it has not taken yet, for all that is known.
    parts: VecDeque<Bytes>,
    /// Bytes before that, since the server runs.
    before: u64,
}

impl Lent {
    /// Goes on with `conversation`, in which so many bytes were `taken`.
    pub(crate) fn new(conversation: Conversation, taken: u64) -> Self {
        Self { conversation, parts: VecDeque::new(), before: taken }
    }
}

const LINE_FEED: Bytes = Bytes::from_static(b"\n");

impl Input {
    /// `limit` is how many bytes may wait for a server that does not read.
    pub(crate) fn new(pipe: pipe::Sender, limit: usize, kept: Kept) -> Self {
        Self { pipe: Some(pipe), queue: VecDeque::new(), queued: 0, limit, held: false, kept }
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// What another runtime would have to write, in order, in pieces of any size.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Bytes> {
        let lent = if let Kept::Lent(lent) = &self.kept { Some(&lent.parts) } else { None };
        lent.into_iter().flatten().chain(&self.queue)
    }

    /// Learns that `taken` bytes, since the server runs, are not waiting any more.
    pub(crate) fn taken(&mut self, taken: u64) {
        let Kept::Lent(Lent { parts, before, .. }) = &mut self.kept else { return };
        let fresh = taken.saturating_sub(*before);
        *before += fresh;
        advance(parts, usize::try_from(fresh).unwrap_or(usize::MAX), None);
    }

    /// The conversation over HTTP that it is a part of, if another runtime may have to go on with one.
    pub(crate) fn conversation(&self) -> Option<&Conversation> {
        if let Kept::Lent(lent) = &self.kept { Some(&lent.conversation) } else { None }
    }

    /// Whether the server could be gone on with over other connections than it has now.
    pub(crate) fn can_be_left(&self) -> bool {
        let Some(conversation) = self.conversation() else { return true };
        let waiting: Vec<_> = self.waiting().map(|part| &part[..]).collect();
        !conversation.is_bound(&waiting.concat().into())
    }

    fn conversation_mut(&mut self) -> Option<&mut Conversation> {
        if let Kept::Lent(lent) = &mut self.kept { Some(&mut lent.conversation) } else { None }
    }

    /// Learns what the server has said to it.
    pub(crate) fn hear(&mut self, about: &About, message: Option<&Message>) {
        if let Some(conversation) = self.conversation_mut() {
            conversation.hear(about, message);
        }
    }

    /// Whether another message may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.queued < self.limit
    }

    /// Adds one message as a line, to be [flushed](Self::flush).
    pub(crate) fn add(&mut self, message: Bytes) {
        if let Some(conversation) = self.conversation_mut() {
            conversation.say(&message);
        }
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
            let written = match &self.kept {
                Kept::Written(estate) => estate.write(bytes, write),
                Kept::Nothing | Kept::Lent(_) => write(),
            };
            match written {
                Ok(written) => {
                    self.queued = self.queued.saturating_sub(written);
                    let lent = if let Kept::Lent(lent) = &mut self.kept { Some(&mut lent.parts) } else { None };
                    advance(&mut self.queue, written, lent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The server closed its stdin. Its end, or a timeout, answers what is in flight.
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
        if let Kept::Lent(lent) = &mut self.kept {
            lent.parts.clear();
        }
    }

    /// Polls for room in the pipe. Ready at once when there is no pipe any more.
    pub(crate) fn poll_writable(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        match &self.pipe {
            Some(pipe) => pipe.poll_write_ready(cx).map(|_| ()),
            None => std::task::Poll::Ready(()),
        }
    }
}

/// Takes so many bytes off the front, to the end of `lent` if they are kept.
fn advance(queue: &mut VecDeque<Bytes>, mut bytes: usize, mut lent: Option<&mut VecDeque<Bytes>>) {
    while let Some(front) = queue.front_mut() {
        let length = front.len().min(bytes);
        match &mut lent {
            Some(lent) => lent.push_back(front.split_to(length)),
            None => front.advance(length),
        }
        bytes -= length;
        if !front.is_empty() {
            return;
        }
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessile_manifest::Endpoint;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;

    fn waiting(input: &Input) -> Vec<u8> {
        input.waiting().map(|part| &part[..]).collect::<Vec<_>>().concat()
    }

    /// The next runtime has to write what this one's peer has not taken, wherever that lies now.
    #[tokio::test]
    async fn what_lies_with_the_peer_waits_until_it_is_taken() {
        let (to_peer, mut peer) = pipe::pipe().unwrap();
        let endpoint = Endpoint { port: 8000.try_into().unwrap(), path: "/mcp".parse().unwrap() };
        let mut input = Input::new(to_peer, 1 << 20, Kept::Lent(Lent::new(Conversation::new(endpoint), 100)));
        let large = Bytes::from(vec![b'x'; 200_000]);
        for message in [Bytes::from_static(b"first"), large.clone(), Bytes::from_static(b"last")] {
            input.add(message);
        }
        let all = [b"first\n", &large[..], b"\nlast\n"].concat();
        poll_fn(|cx| input.poll_writable(cx)).await;
        assert!(!input.flush() && input.queued() < all.len(), "a part is in the pipe");
        assert_eq!(waiting(&input), all);
        input.taken(100 + 6);
        assert_eq!(waiting(&input), all[6..]);
        let mut read = vec![0; all.len()];
        let (mut at, mut taken) = (0, 6);
        while at < all.len() {
            at += peer.read(&mut read[at..]).await.unwrap();
            poll_fn(|cx| input.poll_writable(cx)).await;
            input.flush();
            taken = taken.max(at.saturating_sub(10));
            input.taken(100 + taken as u64);
            assert!(waiting(&input) == all[taken..], "after {at} bytes");
        }
        assert!(read == all && input.queued() == 0);
        input.taken(100 + all.len() as u64);
        assert_eq!(waiting(&input), b"");
    }
}
