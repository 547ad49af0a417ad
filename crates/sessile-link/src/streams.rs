//! What travels between a machine and its porter as frames, where no descriptor can be handed over: the server's standard streams, and
//! connections in and out. A channel for each, credit against floods.
//!
//! Whoever receives a stream says how much it will take: at first its window, then as much again as it has passed on. A sender
//! that keeps to that can never block the other channels of the link; one that does not ends it. An empty frame is a stream's end.
//!
//! A connection has a channel for both ways, which whoever opens it picks among its own. When a side is done with it, in peace or not, it
//! says so and says nothing more on it; when both have, the channel is free.

use crate::control::Loopback;
use crate::frame::{self, CONTROL, Frame, FrameError};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The channel of credit: `[stream u8][bytes u32, big endian]`.
pub const CREDIT: u8 = 4;

/// The channel of what guest and runtime say about the machine ([`guest`](crate::guest)).
pub const MACHINE: u8 = 5;

/// The channel of beginnings: `[stream u8]` and what it is to lead to as JSON ([`Opening`]); as the answer `[stream u8]` alone.
pub const OPEN: u8 = 6;

/// The channel of ends for good: `[stream u8][errno u16, big endian]`, 0 for an end in peace.
pub const CLOSE: u8 = 7;

/// The first channel of connections; the others are up to the last.
pub const FIRST_CONNECTION: u8 = 16;

/// How many bytes of one of the server's streams may be on their way.
pub const WINDOW: u32 = 256 * 1024;

/// How many of a connection, each way.
pub const CONNECTION_WINDOW: u32 = 64 * 1024;

/// The longest piece of a stream in one frame, in bytes.
pub const MAX_PIECE: usize = 32 * 1024;

/// One of a server's standard streams, or a connection; its number is its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stream(u8);

/// Who opens connections on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The runtime's.
    Host,
    /// The machine's.
    Guest,
}

impl Stream {
    /// To the server.
    pub const STDIN: Self = Self(1);
    /// From the server.
    pub const STDOUT: Self = Self(2);
    /// From the server.
    pub const STDERR: Self = Self(3);

    /// The channels of connections that `side` opens.
    pub fn connections(side: Side) -> impl Iterator<Item = Self> {
        let first = FIRST_CONNECTION + u8::from(side == Side::Guest);
        (first..=u8::MAX).step_by(2).map(Self)
    }

    /// Who opens connections here; `None` for the server's standard streams.
    #[must_use]
    pub fn opener(self) -> Option<Side> {
        let side = if self.0 % 2 == FIRST_CONNECTION % 2 { Side::Host } else { Side::Guest };
        (self.0 >= FIRST_CONNECTION).then_some(side)
    }

    /// Its channel.
    #[must_use]
    pub fn channel(self) -> u8 {
        self.0
    }

    /// How many of its bytes may be on their way, each way.
    #[must_use]
    pub fn window(self) -> u32 {
        if self.opener().is_some() { CONNECTION_WINDOW } else { WINDOW }
    }

    fn of(channel: u8) -> Option<Self> {
        let standard = Self::STDIN.0..=Self::STDERR.0;
        (standard.contains(&channel) || channel >= FIRST_CONNECTION).then_some(Self(channel))
    }
}

/// Where a connection is to lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Opening {
    /// From inside to the runtime's gate.
    Gate,
    /// To a port on the loopback interface of the machine.
    Port {
        /// Which of the two loopback addresses.
        to: Loopback,
        /// The port.
        port: u16,
    },
    /// To a further command, with frames both ways: [`ToDoor`](crate::ToDoor), [`FromExec`](crate::FromExec) and its streams.
    Exec,
}

/// What a frame means.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet {
    /// A control message, as JSON: [`ToInit`](crate::ToInit) or [`FromInit`](crate::FromInit).
    Control(Vec<u8>),
    /// About the machine, as JSON: [`guest`](crate::guest).
    Machine(Vec<u8>),
    /// A piece of a stream: 1 to [`MAX_PIECE`] bytes.
    Piece(Stream, Vec<u8>),
    /// The end of a stream.
    End(Stream),
    /// So many more bytes of a stream will be taken.
    Credit(Stream, u32),
    /// A connection is to be made, on a channel that was free: [`Opening`], as JSON.
    Open(Stream, Vec<u8>),
    /// It is made.
    Opened(Stream),
    /// The other side is done with it, because of this error if it is not 0.
    Closed(Stream, u16),
}

/// What no honest peer sends. The link cannot be used any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A channel that nobody serves.
    #[error("frame on unknown channel {0}")]
    Channel(u8),
    /// A piece that is too long, or credit that is none.
    #[error("frame of {length} bytes on channel {channel}")]
    Length {
        /// Where.
        channel: u8,
        /// In bytes.
        length: usize,
    },
    /// More of a stream than was granted, or something after its end.
    #[error("more of channel {} than was granted", .0.channel())]
    Flood(Stream),
    /// More credit than was used.
    #[error("more credit for channel {} than was used", .0.channel())]
    Credit(Stream),
    /// Something on a channel that is not in use, is in use already, or is not the sender's to open.
    #[error("channel {} is not in that state", .0.channel())]
    State(Stream),
}

impl TryFrom<Frame> for Packet {
    type Error = StreamError;

    fn try_from(Frame { channel, payload }: Frame) -> Result<Self, StreamError> {
        let bad_length = StreamError::Length { channel, length: payload.len() };
        match (channel, Stream::of(channel)) {
            (CONTROL, _) => Ok(Self::Control(payload)),
            (MACHINE, _) => Ok(Self::Machine(payload)),
            (CREDIT, _) => {
                let Ok([stream, a, b, c, d]) = <[u8; 5]>::try_from(payload.as_slice()) else {
                    return Err(bad_length);
                };
                Ok(Self::Credit(known(stream)?, u32::from_be_bytes([a, b, c, d])))
            }
            (OPEN, _) => match payload.split_first() {
                Some((&stream, [])) => Ok(Self::Opened(connection(stream)?)),
                Some((&stream, opening)) => Ok(Self::Open(connection(stream)?, opening.to_vec())),
                None => Err(bad_length),
            },
            (CLOSE, _) => match payload.as_slice() {
                &[stream, a, b] => Ok(Self::Closed(connection(stream)?, u16::from_be_bytes([a, b]))),
                _ => Err(bad_length),
            },
            (_, Some(stream)) if payload.is_empty() => Ok(Self::End(stream)),
            (_, Some(_)) if payload.len() > MAX_PIECE => Err(bad_length),
            (_, Some(stream)) => Ok(Self::Piece(stream, payload)),
            (_, None) => Err(StreamError::Channel(channel)),
        }
    }
}

fn known(channel: u8) -> Result<Stream, StreamError> {
    Stream::of(channel).ok_or(StreamError::Channel(channel))
}

fn connection(channel: u8) -> Result<Stream, StreamError> {
    known(channel).ok().filter(|stream| stream.opener().is_some()).ok_or(StreamError::Channel(channel))
}

/// Appends the opening of a connection to `out`, or that it is made, where `opening` is empty.
///
/// # Errors
/// [`FrameError::TooLong`] if `opening` fits in no frame; `out` is as it was.
pub fn encode_open(stream: Stream, opening: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let mut payload = Vec::with_capacity(opening.len() + 1);
    payload.push(stream.0);
    payload.extend_from_slice(opening);
    frame::encode(OPEN, &payload, out)
}

/// Appends to `out` that this side is done with a connection.
pub fn encode_closed(stream: Stream, errno: u16, out: &mut Vec<u8>) {
    let [a, b] = errno.to_be_bytes();
    let _ = frame::encode(CLOSE, &[stream.0, a, b], out); // three bytes are never too long
}

/// Appends the end of `stream` to `out`.
pub fn encode_end(stream: Stream, out: &mut Vec<u8>) {
    let _ = frame::encode(stream.0, &[], out); // nothing is never too long
}

/// Appends credit for `stream` to `out`.
pub fn encode_credit(stream: Stream, bytes: u32, out: &mut Vec<u8>) {
    let mut payload = [stream.0, 0, 0, 0, 0];
    if let Some(rest) = payload.last_chunk_mut::<4>() {
        *rest = bytes.to_be_bytes();
    }
    let _ = frame::encode(CREDIT, &payload, out); // five bytes are never too long
}

/// The sending side of a stream: how much more it may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    stream: Stream,
    left: u32,
}

impl Outgoing {
    /// A stream of which nothing is sent yet.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, left: stream.window() }
    }

    /// How long the next piece may be, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::try_from(self.left).unwrap_or(MAX_PIECE).min(MAX_PIECE)
    }

    /// Appends `piece`, which is no longer than [`room`](Self::room), to `out`. Nothing is no piece.
    pub fn send(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Ok(length) = u32::try_from(piece.len()) else { return };
        if !piece.is_empty() && frame::encode(self.stream.0, piece, out).is_ok() {
            self.left = self.left.saturating_sub(length);
        }
    }

    /// Takes credit.
    ///
    /// # Errors
    /// [`StreamError::Credit`] if it is more than was sent.
    pub fn credit(&mut self, bytes: u32) -> Result<(), StreamError> {
        let left = self.left.checked_add(bytes).filter(|left| *left <= self.stream.window());
        self.left = left.ok_or(StreamError::Credit(self.stream))?;
        Ok(())
    }
}

/// The receiving side of a stream: how much more the other side may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    stream: Stream,
    granted: u32,
    /// Passed on, and not granted again yet.
    passed: u32,
    ended: bool,
}

impl Incoming {
    /// A stream of which nothing has come yet.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, granted: stream.window(), passed: 0, ended: false }
    }

    /// Counts a piece that came.
    ///
    /// # Errors
    /// [`StreamError::Flood`] if it was not granted.
    pub fn received(&mut self, piece: &[u8]) -> Result<(), StreamError> {
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let granted = self.granted.checked_sub(length).filter(|_| !self.ended);
        self.granted = granted.ok_or(StreamError::Flood(self.stream))?;
        Ok(())
    }

    /// Notes the end.
    ///
    /// # Errors
    /// [`StreamError::Flood`] if it had ended.
    pub fn end(&mut self) -> Result<(), StreamError> {
        if core::mem::replace(&mut self.ended, true) { Err(StreamError::Flood(self.stream)) } else { Ok(()) }
    }

    /// Notes that `bytes` of what came were passed on, and appends credit to `out` when it is worth a frame.
    pub fn passed(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.passed = self.passed.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let window = self.stream.window();
        if self.passed >= window / 4 && !self.ended {
            self.granted = self.granted.saturating_add(self.passed).min(window);
            encode_credit(self.stream, core::mem::take(&mut self.passed), out);
        }
    }
}
