//! One line: what flows over one channel of a link, and the descriptors here that it flows from and to.

use alloc::vec::Vec;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{Shutdown, shutdown};
use sessile_link::streams::{Incoming, Outgoing, encode_closed, encode_end, encode_open};
use sessile_link::{Stream, StreamError};

/// What a line joins at this end.
#[derive(Debug)]
enum End {
    /// A pipe that is read.
    Source(OwnedFd),
    /// A pipe that is written.
    Sink(OwnedFd),
    /// A socket, which is both.
    Socket(OwnedFd),
    /// Nothing any more.
    None,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The other side is asked for it. Whoever waits here may want to be told.
    Asked { announce: Option<fn(u16) -> Vec<u8>> },
    /// The socket here is connecting.
    Connecting,
    /// Both ends are there.
    Open,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Stream,
    end: End,
    stage: Stage,
    /// What may be sent; `None` if nothing is to be read here, or no more.
    outgoing: Option<Outgoing>,
    /// What may come; `None` if nothing is to be written here.
    incoming: Option<Incoming>,
    /// What came and has not been taken here yet: a window at most.
    queue: Vec<u8>,
    /// How much of that, from its beginning, was never the other side's: it gives no credit.
    announced: usize,
    /// Why nothing is taken here any more, of a socket from which there may still be something to read.
    broken: Option<Errno>,
    /// Nobody at the other side reads what is sent from here.
    refused: bool,
    /// The other side has sent its end.
    ended: bool,
    /// This side has said that it is done with the connection; the other side has.
    done: bool,
    gone: bool,
}

impl Line {
    fn new(stream: Stream, end: End, stage: Stage) -> Self {
        Self {
            stream,
            end,
            stage,
            outgoing: None,
            incoming: None,
            queue: Vec::new(),
            announced: 0,
            broken: None,
            refused: false,
            ended: false,
            done: false,
            gone: false,
        }
    }

    /// A pipe that is read here, from where it stood.
    pub(crate) fn source(pipe: OwnedFd, stream: Stream, from: Option<Outgoing>) -> Self {
        let outgoing = Some(from.unwrap_or_else(|| Outgoing::new(stream)));
        Self { outgoing, ..Self::new(stream, End::Source(pipe), Stage::Open) }
    }

    /// A pipe that is written here, from where it stood.
    pub(crate) fn sink(pipe: OwnedFd, stream: Stream, from: Option<Incoming>) -> Self {
        let incoming = Some(from.unwrap_or_else(|| Incoming::new(stream)));
        Self { incoming, ..Self::new(stream, End::Sink(pipe), Stage::Open) }
    }

    fn connection(stream: Stream, socket: OwnedFd, stage: Stage) -> Self {
        let (outgoing, incoming) = (Some(Outgoing::new(stream)), Some(Incoming::new(stream)));
        Self { outgoing, incoming, ..Self::new(stream, End::Socket(socket), stage) }
    }

    /// A connection that the other side has been asked for. With `announce`, what is written to the socket first says what came of it.
    pub(crate) fn asked(stream: Stream, socket: OwnedFd, announce: Option<fn(u16) -> Vec<u8>>) -> Self {
        Self::connection(stream, socket, Stage::Asked { announce })
    }

    /// A connection that the other side has asked for, to a socket that is connecting.
    pub(crate) fn connecting(stream: Stream, socket: OwnedFd) -> Self {
        Self::connection(stream, socket, Stage::Connecting)
    }

    /// A connection that the other side has asked for, in vain.
    pub(crate) fn refused(stream: Stream, errno: Errno, out: &mut Vec<u8>) -> Self {
        let mut line = Self::new(stream, End::None, Stage::Connecting);
        line.abort(errno, out);
        line
    }

    /// Its channel.
    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    /// Whether the channel is free again.
    pub(crate) fn is_over(&self) -> bool {
        self.done && self.gone
    }

    /// Whether everything that came has been taken here.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() || matches!(self.end, End::None)
    }

    /// The descriptor at this end.
    #[cfg(test)]
    pub(crate) fn into_end(self) -> Option<OwnedFd> {
        match self.end {
            End::Source(fd) | End::Sink(fd) | End::Socket(fd) => Some(fd),
            End::None => None,
        }
    }

    /// Whether nothing waits to be read here.
    pub(crate) fn has_taken(&self) -> bool {
        match &self.end {
            End::Source(fd) | End::Socket(fd) => rustix::io::ioctl_fionread(fd).is_ok_and(|waiting| waiting == 0),
            End::Sink(_) | End::None => true,
        }
    }

    /// How much came and has not been taken here, in bytes.
    pub(crate) fn held(&self) -> usize {
        if self.is_drained() { 0 } else { self.queue.len() }
    }

    /// Whether anything is still joined here.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.end, End::None)
    }

    /// Whether the other side has ended it, and everything before that has been taken here.
    pub(crate) fn has_been_told_all(&self) -> bool {
        self.ended && self.is_drained()
    }

    /// Whether the other side does not want what would be sent from here.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Where it stands, for another line to go on from.
    pub(crate) fn standing(&self) -> (Option<Outgoing>, Option<Incoming>) {
        let there = !matches!(self.end, End::None);
        (self.outgoing.clone().filter(|_| there), self.incoming.clone().filter(|_| there && !self.ended))
    }

    /// What to wait for here, if anything: with `calm`, the link takes more. A pipe is also watched for its other end's end.
    pub(crate) fn wanted(&self, calm: bool) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::OUT, !self.queue.is_empty() || matches!(self.stage, Stage::Connecting));
        let may_send = self.outgoing.as_ref().is_some_and(|flow| flow.room() > 0);
        flags.set(PollFlags::IN, calm && may_send && matches!(self.stage, Stage::Open));
        match &self.end {
            End::Sink(pipe) => Some((pipe.as_fd(), flags & PollFlags::OUT)),
            End::Source(fd) | End::Socket(fd) if !flags.is_empty() => Some((fd.as_fd(), flags)),
            _ => None,
        }
    }

    /// Carries on what is ready. What goes to the other side is appended to `out`; `piece` is what is read into.
    pub(crate) fn carry(&mut self, ready: PollFlags, piece: &mut [u8], out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Connecting) && !ready.is_empty() {
            let End::Socket(socket) = &self.end else { return };
            match socket_error(socket) {
                Ok(Ok(())) => {
                    self.stage = Stage::Open;
                    let _ = encode_open(self.stream, &[], out); // one byte is never too long
                }
                Ok(Err(errno)) | Err(errno) => self.abort(errno, out),
            }
            return;
        }
        if matches!(self.end, End::Sink(_)) && ready.contains(PollFlags::ERR) {
            return self.deaf(Errno::PIPE, out);
        }
        if ready.intersects(PollFlags::OUT | PollFlags::ERR) {
            self.feed(out);
        }
        if ready.intersects(PollFlags::IN | PollFlags::HUP) {
            self.take(piece, out);
        }
    }

    /// Reads what is there, as much as may be sent.
    fn take(&mut self, piece: &mut [u8], out: &mut Vec<u8>) {
        let (End::Source(fd) | End::Socket(fd), Some(flow)) = (&self.end, &mut self.outgoing) else { return };
        let room = flow.room().min(piece.len());
        let Some(piece) = piece.get_mut(..room).filter(|piece| !piece.is_empty()) else { return };
        match rustix::io::read(fd, &mut *piece) {
            Ok(0) => {
                encode_end(self.stream, out);
                self.outgoing = None;
                if matches!(self.end, End::Source(_)) {
                    self.end = End::None;
                }
                match self.broken {
                    Some(errno) => self.abort(errno, out),
                    None => self.part(out),
                }
            }
            Ok(count) => flow.send(piece.get(..count).unwrap_or_default(), out),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => self.deaf(errno, out),
        }
    }

    /// Writes what is taken here.
    fn feed(&mut self, out: &mut Vec<u8>) {
        let (End::Sink(fd) | End::Socket(fd), Some(flow)) = (&self.end, &mut self.incoming) else { return };
        let (mut taken, mut failed) = (0, None);
        while let Some(rest) = self.queue.get(taken..).filter(|rest| !rest.is_empty() && failed.is_none()) {
            match rustix::io::write(fd, rest) {
                Ok(count) => taken += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(errno) => failed = Some(errno),
            }
        }
        self.queue.drain(..taken);
        let announced = taken.min(self.announced);
        self.announced -= announced;
        flow.passed(taken - announced, out);
        match failed {
            // Whoever closed it may have said something before, which counts.
            Some(errno) if matches!(self.end, End::Socket(_)) && self.outgoing.is_some() => self.breaks(errno, out),
            Some(errno) => self.deaf(errno, out),
            None => self.finish(out),
        }
    }

    /// The other side's end reaches whoever reads here, once everything before it has.
    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.ended || !self.queue.is_empty() {
            return;
        }
        match &self.end {
            End::Sink(_) => self.end = End::None,
            End::Socket(socket) => {
                let _ = shutdown(socket, Shutdown::Write);
            }
            End::Source(_) | End::None => {}
        }
        self.part(out);
    }

    /// A connection that has ended both ways is done with.
    fn part(&mut self, out: &mut Vec<u8>) {
        if matches!(self.end, End::Socket(_)) && self.outgoing.is_none() && self.ended && self.queue.is_empty() {
            self.abort_with(0, out);
        }
    }

    /// Nothing is taken here any more: what comes from now on goes nowhere.
    fn breaks(&mut self, errno: Errno, out: &mut Vec<u8>) {
        self.broken = Some(errno);
        let queue = core::mem::take(&mut self.queue);
        if let Some(flow) = &mut self.incoming {
            flow.passed(queue.len() - self.announced.min(queue.len()), out);
        }
        self.announced = 0;
    }

    /// Nobody is here any more.
    fn deaf(&mut self, errno: Errno, out: &mut Vec<u8>) {
        match self.end {
            End::Socket(_) => self.abort(errno, out),
            // Whoever writes shall know; whoever reads, too.
            End::Sink(_) | End::Source(_) => encode_end(self.stream, out),
            End::None => {}
        }
        (self.end, self.queue) = (End::None, Vec::new());
    }

    /// Ends it, whoever is here.
    pub(crate) fn give_up(&mut self, out: &mut Vec<u8>) {
        self.deaf(Errno::PIPE, out);
    }

    /// Ends a connection.
    pub(crate) fn abort(&mut self, errno: Errno, out: &mut Vec<u8>) {
        self.abort_with(u16::try_from(errno.raw_os_error()).unwrap_or(1), out);
    }

    fn abort_with(&mut self, errno: u16, out: &mut Vec<u8>) {
        (self.end, self.queue) = (End::None, Vec::new());
        if !core::mem::replace(&mut self.done, true) {
            encode_closed(self.stream, errno, out);
        }
    }

    /// The other side's connection is there.
    pub(crate) fn opened(&mut self) -> Result<(), StreamError> {
        let Stage::Asked { announce } = self.stage else { return Err(StreamError::State(self.stream)) };
        self.stage = Stage::Open;
        if let Some(announce) = announce {
            self.queue = announce(0);
            self.announced = self.queue.len();
        }
        Ok(())
    }

    /// A piece came.
    pub(crate) fn received(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let flow = self.incoming.as_mut().ok_or(StreamError::State(self.stream))?;
        flow.received(piece)?;
        if self.broken.is_some() {
            flow.passed(piece.len(), out);
        } else if !matches!(self.end, End::None) {
            self.queue.extend_from_slice(piece);
            if matches!(self.stage, Stage::Open) {
                self.feed(out);
            }
        }
        Ok(())
    }

    /// The other side's end came.
    pub(crate) fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Some(flow) = &mut self.incoming else {
            // Nobody reads there what is sent from here.
            (self.end, self.outgoing, self.refused) = (End::None, None, true);
            return Ok(());
        };
        flow.end()?;
        self.ended = true;
        if matches!(self.end, End::Sink(_)) || matches!(self.stage, Stage::Open) {
            self.finish(out);
        }
        Ok(())
    }

    /// Credit came.
    pub(crate) fn credit(&mut self, bytes: u32) -> Result<(), StreamError> {
        // What was sent before the end may be passed on after it.
        self.outgoing.as_mut().map_or(Ok(()), |flow| flow.credit(bytes))
    }

    /// The other side is done with the connection.
    pub(crate) fn closed(&mut self, errno: u16, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if core::mem::replace(&mut self.gone, true) {
            return Err(StreamError::State(self.stream));
        }
        if let (Stage::Asked { announce: Some(announce) }, End::Socket(socket)) = (self.stage, &self.end) {
            let _ = rustix::io::write(socket, &announce(errno)); // a few bytes, into a socket that nothing was written to
        }
        // In peace, it has all been said: what waits here is still given out.
        if errno != 0 || !self.ended {
            self.abort_with(0, out);
        }
        Ok(())
    }

    /// Nothing more comes: whoever reads here sees the end behind what came.
    pub(crate) fn cut(&mut self) {
        (self.outgoing, self.ended) = (None, true);
        if self.queue.is_empty() {
            self.end = End::None;
        }
    }

    /// Lets somebody read `words` here, behind what came.
    pub(crate) fn add(&mut self, words: &[u8]) {
        if matches!(self.end, End::Sink(_)) {
            self.queue.extend_from_slice(words);
        }
    }
}
