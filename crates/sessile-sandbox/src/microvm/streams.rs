//! Carrying a server's standard streams between the runtime's pipes and the link: at most a window of each is held here.

use super::wire::{self, Pipe, Wire, WireError};
use crate::Pipes;
use rustix::pipe::{PipeFlags, pipe_with};
use sessile_link::guest::FromGuest;
use sessile_link::streams::{Incoming, MAX_PIECE, Outgoing, encode_end};
use sessile_link::{FromInit, Packet, ServerEnd, Stream, StreamError, ToInit, frame};
use std::future::pending;
use std::io;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Nothing of standard input is taken while this much waits to be sent, in bytes.
const OUTBOX: usize = 256 * 1024;

/// How the server in a machine ended, as its init says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) end: ServerEnd,
    /// Processes that the guest's kernel killed for want of memory.
    pub(super) out_of_memory_kills: u64,
    /// Processor time that the guest counted.
    pub(super) cpu: Duration,
}

/// The streams of one server.
#[derive(Debug)]
pub(super) struct Streams {
    wire: Wire,
    /// What the runtime writes; `None` once it has ended.
    stdin: Option<Pipe>,
    to_server: Outgoing,
    stdout: Output,
    stderr: Output,
    out_of_memory_kills: u64,
    /// What standard input is read into.
    piece: Vec<u8>,
}

/// One stream from the server.
#[derive(Debug)]
struct Output {
    /// What the runtime reads; `None` once it has ended, or nobody reads it.
    pipe: Option<Pipe>,
    flow: Incoming,
    /// What the pipe has not taken yet: a window at most.
    queue: Vec<u8>,
    ended: bool,
}

impl Streams {
    /// Streams over `wire`, and the runtime's ends of them.
    pub(super) fn over(wire: Wire) -> io::Result<(Self, Pipes)> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
        let ((ours_in, stdin), (stdout, ours_out), (stderr, ours_err)) = (pipe()?, pipe()?, pipe()?);
        let streams = Self {
            wire,
            stdin: Some(wire::reader(ours_in)?),
            to_server: Outgoing::new(Stream::Stdin),
            stdout: Output::new(ours_out, Stream::Stdout)?,
            stderr: Output::new(ours_err, Stream::Stderr)?,
            out_of_memory_kills: 0,
            piece: vec![0; MAX_PIECE],
        };
        Ok((streams, Pipes { stdin, stdout, stderr }))
    }

    /// Says something to init.
    pub(super) fn say(&mut self, message: &ToInit) -> Result<(), WireError> {
        self.wire.put(frame::CONTROL, message)
    }

    /// Carries on until init says how the server ended. Nothing is lost if it is given up and called again.
    pub(super) async fn carry(&mut self) -> Result<Report, WireError> {
        loop {
            while let Some(packet) = self.wire.next()? {
                if let Some(report) = self.hear(packet)? {
                    return Ok(report);
                }
            }
            let room = if self.wire.waiting() < OUTBOX { self.to_server.room() } else { 0 };
            let Self { wire, stdin, to_server, stdout, stderr, piece, .. } = self;
            tokio::select! {
                done = wire.exchange() => done?,
                count = read_some(stdin.as_ref(), piece.get_mut(..room).unwrap_or_default()) => match count {
                    Ok(count @ 1..) => to_server.send(piece.get(..count).unwrap_or_default(), wire.outbox()),
                    Ok(0) | Err(_) => {
                        *stdin = None;
                        encode_end(Stream::Stdin, wire.outbox());
                    }
                },
                taken = stdout.feed() => stdout.flow.passed(taken, wire.outbox()),
                taken = stderr.feed() => stderr.flow.passed(taken, wire.outbox()),
            }
        }
    }

    fn hear(&mut self, packet: Packet) -> Result<Option<Report>, WireError> {
        let understood = |error: serde_json::Error| WireError::Nonsense(error.to_string());
        match packet {
            Packet::Piece(Stream::Stdout, piece) => self.stdout.take(&piece)?,
            Packet::Piece(Stream::Stderr, piece) => self.stderr.take(&piece)?,
            Packet::End(Stream::Stdout) => self.stdout.end()?,
            Packet::End(Stream::Stderr) => self.stderr.end()?,
            // The server closed it: whoever writes shall see a broken pipe.
            Packet::End(Stream::Stdin) => self.stdin = None,
            Packet::Credit(Stream::Stdin, bytes) => self.to_server.credit(bytes)?,
            Packet::Machine(message) => match serde_json::from_slice(&message).map_err(understood)? {
                FromGuest::OutOfMemory { kills } => self.out_of_memory_kills = kills,
                other => return Err(WireError::Nonsense(format!("{other:?} after the start"))),
            },
            Packet::Control(message) => match serde_json::from_slice(&message).map_err(understood)? {
                FromInit::Exited { end, cpu_us, .. } => {
                    let cpu = Duration::from_micros(cpu_us);
                    return Ok(Some(Report { end, out_of_memory_kills: self.out_of_memory_kills, cpu }));
                }
                other => return Err(WireError::Nonsense(format!("{other:?} after the start"))),
            },
            Packet::Credit(stream, _) | Packet::Piece(stream, _) => {
                return Err(WireError::Nonsense(format!("a packet of {stream:?} the wrong way")));
            }
        }
        Ok(None)
    }

    /// Lets the runtime read `words` on standard error, behind what the server said.
    pub(super) fn add_to_stderr(&mut self, words: &str) {
        self.stderr.queue.extend_from_slice(words.as_bytes());
    }

    /// Gives the runtime what it has not read yet. Ends when it has, or nobody reads any more.
    pub(super) async fn finish(self) {
        let Self { mut stdout, mut stderr, .. } = self;
        tokio::join!(stdout.feed_all(), stderr.feed_all());
    }
}

/// Reads from a pipe that may not be there into a place that may be empty: then there is nothing to wait for.
async fn read_some(pipe: Option<&Pipe>, piece: &mut [u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) if !piece.is_empty() => wire::read(pipe, piece).await,
        _ => pending().await,
    }
}

impl Output {
    fn new(pipe: std::os::fd::OwnedFd, stream: Stream) -> io::Result<Self> {
        Ok(Self { pipe: Some(wire::writer(pipe)?), flow: Incoming::new(stream), queue: Vec::new(), ended: false })
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), StreamError> {
        self.flow.received(piece)?;
        // Nobody reads it: it is let go of, and with no more credit the server comes to a stop, as at a full pipe.
        if self.pipe.is_some() {
            self.queue.extend_from_slice(piece);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), StreamError> {
        self.flow.end()?;
        self.ended = true;
        if self.queue.is_empty() {
            self.pipe = None;
        }
        Ok(())
    }

    /// Gives the runtime everything, as it takes it.
    async fn feed_all(&mut self) {
        while self.pipe.is_some() && !self.queue.is_empty() {
            self.feed().await;
        }
    }

    /// Gives the runtime what it takes, and says how many bytes that were. Waits while there is nothing to give.
    async fn feed(&mut self) -> usize {
        let Some(pipe) = self.pipe.as_ref().filter(|_| !self.queue.is_empty()) else {
            return pending().await;
        };
        match wire::write(pipe, &self.queue).await {
            Ok(count) => {
                self.queue.drain(..count);
                if self.ended && self.queue.is_empty() {
                    self.pipe = None;
                }
                count
            }
            Err(_) => {
                self.queue = Vec::new();
                self.pipe = None;
                0
            }
        }
    }
}
