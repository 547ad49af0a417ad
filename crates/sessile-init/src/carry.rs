//! Carrying streams over a machine's link, at either end of it: the guest's init does this between the link and the server, and the porter
//! between the link and the runtime. One loop, one descriptor for each end of a line, credit for each direction ([`line`]).

mod line;
mod port;

#[cfg(test)]
mod tests;

pub(crate) use line::Line;
pub(crate) use port::{Fault, Port};

use crate::clock::timespec;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use sessile_link::porter::Rest;
use sessile_link::streams::{MAX_PIECE, Opening, Side, encode_open};
use sessile_link::{Packet, Stream, StreamError};

/// Nothing is read for the link while this much waits to be sent over it, in bytes.
const OUTBOX: usize = 256 * 1024;

/// What came over the link and is not a stream's.
#[derive(Debug)]
pub(crate) enum Event {
    /// A control message, as JSON.
    Control(Vec<u8>),
    /// About the machine, as JSON.
    Machine(Vec<u8>),
    /// A connection is to be made: to be answered with [`Carrier::join`] or [`Carrier::refuse`].
    Open(Stream, Opening),
}

/// Everything that flows over one link.
pub(crate) struct Carrier {
    port: Port,
    /// Which end this is.
    side: Side,
    lines: Vec<Line>,
    piece: Vec<u8>,
    /// What is said of streams while nothing may be said.
    unsaid: Option<Vec<u8>>,
    /// Nothing comes or goes over the link any more.
    is_cut: bool,
}

impl Carrier {
    /// Carries `lines`, the server's streams, over `port`.
    pub(crate) fn new(port: Port, side: Side, lines: Vec<Line>) -> Self {
        Self { port, side, lines, piece: vec![0; MAX_PIECE], unsaid: None, is_cut: false }
    }

    /// The link, for messages.
    pub(crate) fn port(&mut self) -> &mut Port {
        &mut self.port
    }

    /// Waits until something is ready, of the lines, the link, or the `others`; for `patience` at most. Carries on the former, adds what
    /// else came to `events`, and tells which of the others are ready.
    ///
    /// # Errors
    /// [`Fault`] once the link cannot be used any further.
    pub(crate) fn step(
        &mut self,
        others: &[(BorrowedFd<'_>, PollFlags)],
        patience: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<Vec<PollFlags>, Fault> {
        let Ready { link, lines, others } = self.poll(others, patience);
        if link.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            self.port.fill()?;
            while let Some(packet) = self.port.next()? {
                events.extend(self.hear(packet)?);
            }
        }
        for (stream, flags) in lines {
            self.with(stream, |line, piece, out| line.carry(flags, piece, out));
        }
        self.lines.retain(|line| !line.is_over());
        self.flush()?;
        Ok(others)
    }

    /// Sends what the other side takes now.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        if self.is_cut { Ok(()) } else { Ok(self.port.flush()?) }
    }

    fn poll(&self, others: &[(BorrowedFd<'_>, PollFlags)], patience: Option<Duration>) -> Ready {
        let calm = self.port.waiting() < OUTBOX && self.unsaid.is_none();
        // What has ended is ready for ever.
        let link = if self.is_cut { Vec::new() } else { self.port.wanted() };
        let wanted = self.lines.iter().filter_map(|line| Some((line.stream(), line.wanted(calm)?)));
        let (streams, ends): (Vec<_>, Vec<_>) = wanted.unzip();
        let all = link.iter().chain(&ends).chain(others);
        let mut polled: Vec<_> = all.map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        let _ = poll(&mut polled, patience.and_then(timespec).as_ref());
        let heard = polled.iter().take(link.len()).map(PollFd::revents).next().unwrap_or(PollFlags::empty());
        let flags = polled.iter().map(PollFd::revents).skip(link.len());
        let lines = streams.into_iter().zip(flags.clone()).filter(|(_, flags)| !flags.is_empty()).collect();
        Ready { link: heard, lines, others: flags.skip(ends.len()).collect() }
    }

    /// Does something with a line, if it is there: with what is read into, and where to say what follows.
    fn with<T>(&mut self, stream: Stream, act: impl FnOnce(&mut Line, &mut [u8], &mut Vec<u8>) -> T) -> Option<T> {
        let Self { port, lines, piece, unsaid, .. } = self;
        let line = lines.iter_mut().find(|line| line.stream() == stream)?;
        let out = unsaid.as_mut().unwrap_or_else(|| port.outbox());
        Some(act(line, piece, out))
    }

    fn hear(&mut self, packet: Packet) -> Result<Option<Event>, StreamError> {
        let stream = match &packet {
            Packet::Control(_) | Packet::Machine(_) => None,
            Packet::Piece(stream, _)
            | Packet::End(stream)
            | Packet::Credit(stream, _)
            | Packet::Open(stream, _)
            | Packet::Opened(stream)
            | Packet::Closed(stream, _) => Some(*stream),
        };
        // Before it rests, a machine may still speak of connections that are no more.
        if self.unsaid.is_some() && stream.is_some_and(|stream| stream.opener().is_some()) {
            return Ok(None);
        }
        let act = |line: &mut Line, out: &mut Vec<u8>| match &packet {
            Packet::Piece(_, piece) => line.received(piece, out),
            Packet::End(_) => line.ended(out),
            Packet::Credit(_, bytes) => line.credit(*bytes),
            Packet::Opened(_) => line.opened(),
            Packet::Closed(_, errno) => line.closed(*errno, out),
            Packet::Open(stream, _) => Err(StreamError::State(*stream)), // it is in use
            Packet::Control(_) | Packet::Machine(_) => Ok(()),
        };
        if let Some(stream) = stream {
            if let Some(heard) = self.with(stream, |line, _, out| act(line, out)) {
                heard?;
                // The channel may be taken again by the very next packet.
                self.lines.retain(|line| !line.is_over());
                return Ok(None);
            }
            let Packet::Open(_, opening) = packet else { return Err(StreamError::State(stream)) };
            let opening =
                serde_json::from_slice(&opening).ok().filter(|_| stream.opener().is_some_and(|side| side != self.side));
            return opening.map(|opening| Some(Event::Open(stream, opening))).ok_or(StreamError::State(stream));
        }
        Ok(match packet {
            Packet::Control(message) => Some(Event::Control(message)),
            Packet::Machine(message) => Some(Event::Machine(message)),
            _ => None,
        })
    }

    /// Whether one more connection can be opened from here.
    pub(crate) fn has_room(&self) -> bool {
        self.unsaid.is_none() && self.free().is_some()
    }

    fn free(&self) -> Option<Stream> {
        Stream::connections(self.side).find(|stream| self.lines.iter().all(|line| line.stream() != *stream))
    }

    /// Has the other side make a connection for `socket`. With `announce`, what is written to it first says what came of it.
    ///
    /// # Errors
    /// Gives the socket back if all channels are taken, or while it rests.
    pub(crate) fn open(
        &mut self,
        opening: &Opening,
        socket: OwnedFd,
        announce: Option<fn(u16) -> Vec<u8>>,
    ) -> Result<(), OwnedFd> {
        let stream = self.free().filter(|_| self.has_room());
        let json = serde_json::to_vec(opening).ok();
        let (Some(stream), Some(json)) = (stream, json) else { return Err(socket) };
        if encode_open(stream, &json, self.port.outbox()).is_err() {
            return Err(socket);
        }
        self.lines.push(Line::asked(stream, socket, announce));
        Ok(())
    }

    /// Makes a connection that was asked for, to a socket that is connecting.
    pub(crate) fn join(&mut self, stream: Stream, socket: OwnedFd) {
        self.put(Line::connecting(stream, socket));
    }

    /// Does not make it.
    pub(crate) fn refuse(&mut self, stream: Stream, errno: Errno) {
        let line = Line::refused(stream, errno, self.port.outbox());
        self.put(line);
    }

    /// Of two openings of one channel that came together, nobody has said the second.
    fn put(&mut self, line: Line) {
        if self.lines.iter().all(|known| known.stream() != line.stream()) {
            self.lines.push(line);
        }
    }

    /// Lets whoever reads `stream` here read `words` behind what came.
    pub(crate) fn add(&mut self, stream: Stream, words: &[u8]) {
        self.with(stream, |line, _, _| line.add(words));
    }

    /// Whether everything that came has been taken here.
    pub(crate) fn is_drained(&self) -> bool {
        self.lines.iter().all(Line::is_drained)
    }

    /// How much has come and not been taken here, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.lines.iter().map(Line::held).sum()
    }

    /// Whether the other end of a stream of the server's, or of the link, is still there.
    pub(crate) fn has(&self, stream: Stream) -> bool {
        self.lines.iter().any(|line| line.stream() == stream && line.is_live())
    }

    /// Whether there is nothing to be read here that the other side would take.
    pub(crate) fn is_quiet(&self) -> bool {
        self.poll(&[], Some(Duration::ZERO)).lines.iter().all(|(_, flags)| !flags.contains(PollFlags::IN))
    }

    /// Whether the other side has ended a stream, and everything before that has been taken here.
    pub(crate) fn has_been_told_all(&self, stream: Stream) -> bool {
        self.lines.iter().any(|line| line.stream() == stream && line.has_been_told_all())
    }

    /// Whether the other side does not want what `stream` would say.
    pub(crate) fn is_refused(&self, stream: Stream) -> bool {
        self.lines.iter().any(|line| line.stream() == stream && line.is_refused())
    }

    /// Ends a stream of the server's, whoever is at the other end of it here.
    pub(crate) fn give_up(&mut self, stream: Stream) {
        self.with(stream, |line, _, out| line.give_up(out));
    }

    /// Goes on without the link: what came is still given out here.
    pub(crate) fn cut(&mut self) {
        self.lines.retain(|line| line.stream().opener().is_none());
        self.lines.iter_mut().for_each(Line::cut);
        self.is_cut = true;
    }

    /// Ends all connections and says nothing more of streams until [`go_on`](Self::go_on).
    pub(crate) fn rest(&mut self) {
        self.lines.retain(|line| line.stream().opener().is_none());
        self.unsaid.get_or_insert_default();
    }

    /// Whether it rests.
    pub(crate) fn rests(&self) -> bool {
        self.unsaid.is_some()
    }

    /// Whether nothing waits to be read here for `stream`.
    pub(crate) fn has_taken(&self, stream: Stream) -> bool {
        self.lines.iter().filter(|line| line.stream() == stream).all(Line::has_taken)
    }

    /// Where everything stands, for another carrier to go on from; `None` unless it rests.
    pub(crate) fn standing(&self) -> Option<Rest> {
        let unsaid = self.unsaid.clone()?;
        let of =
            |stream| self.lines.iter().find(|line| line.stream() == stream).map(Line::standing).unwrap_or_default();
        let outputs = [Stream::STDOUT, Stream::STDERR].map(|stream| of(stream).1);
        Some(Rest { stdin: of(Stream::STDIN).0, outputs, unsaid })
    }

    /// Says what was not said.
    pub(crate) fn go_on(&mut self) {
        if let Some(unsaid) = self.unsaid.take() {
            self.port.outbox().extend_from_slice(&unsaid);
        }
    }

    /// Rests from the beginning, since its machine does.
    pub(crate) fn resting(mut self, unsaid: Vec<u8>) -> Self {
        self.unsaid = Some(unsaid);
        self
    }
}

/// What is ready.
struct Ready {
    link: PollFlags,
    lines: Vec<(Stream, PollFlags)>,
    others: Vec<PollFlags>,
}
