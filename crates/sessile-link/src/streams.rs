//! A server's standard streams as frames, for drivers that cannot hand over pipes: a channel for each, credit against floods.
//!
//! Whoever receives a stream says how much it will take: at first [`WINDOW`] bytes, then as much again as it has passed on. A sender
//! that keeps to that can never block the other channels of the link; one that does not ends it. An empty frame is a stream's end.

use crate::frame::{self, CONTROL, Frame, FrameError};
use alloc::vec::Vec;

#[cfg(test)]
mod tests;

/// The channel of what guest and runtime say about the machine ([`guest`](crate::guest)).
pub const MACHINE: u8 = 5;

/// The channel of credit: `[stream u8][bytes u32, big endian]`.
pub const CREDIT: u8 = 4;

/// How many bytes of a stream may be on their way.
pub const WINDOW: u32 = 256 * 1024;

/// The longest piece of a stream in one frame, in bytes.
pub const MAX_PIECE: usize = 32 * 1024;

/// One of a server's standard streams; its number is its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// To the server.
    Stdin = 1,
    /// From the server.
    Stdout = 2,
    /// From the server.
    Stderr = 3,
}

impl Stream {
    fn of(channel: u8) -> Option<Self> {
        [Self::Stdin, Self::Stdout, Self::Stderr].into_iter().find(|stream| *stream as u8 == channel)
    }
}

/// What a frame means.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    #[error("more of {0:?} than was granted")]
    Flood(Stream),
    /// More credit than was used.
    #[error("more credit for {0:?} than was used")]
    Credit(Stream),
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
                let stream = Stream::of(stream).ok_or(StreamError::Channel(stream))?;
                Ok(Self::Credit(stream, u32::from_be_bytes([a, b, c, d])))
            }
            (_, Some(stream)) if payload.is_empty() => Ok(Self::End(stream)),
            (_, Some(_)) if payload.len() > MAX_PIECE => Err(bad_length),
            (_, Some(stream)) => Ok(Self::Piece(stream, payload)),
            (_, None) => Err(StreamError::Channel(channel)),
        }
    }
}

/// Appends the end of `stream` to `out`.
pub fn encode_end(stream: Stream, out: &mut Vec<u8>) {
    let _ = frame::encode(stream as u8, &[], out); // nothing is never too long
}

/// Appends credit for `stream` to `out`.
pub fn encode_credit(stream: Stream, bytes: u32, out: &mut Vec<u8>) {
    let mut payload = [stream as u8, 0, 0, 0, 0];
    if let Some(rest) = payload.last_chunk_mut::<4>() {
        *rest = bytes.to_be_bytes();
    }
    let _ = frame::encode(CREDIT, &payload, out); // five bytes are never too long
}

/// The sending side of a stream: how much more it may send.
#[derive(Debug)]
pub struct Outgoing {
    stream: Stream,
    left: u32,
}

impl Outgoing {
    /// A stream of which nothing is sent yet.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, left: WINDOW }
    }

    /// How long the next piece may be, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::try_from(self.left).unwrap_or(MAX_PIECE).min(MAX_PIECE)
    }

    /// Appends `piece`, which is no longer than [`room`](Self::room), to `out`. Nothing is no piece.
    pub fn send(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Ok(length) = u32::try_from(piece.len()) else { return };
        if !piece.is_empty() && frame::encode(self.stream as u8, piece, out).is_ok() {
            self.left = self.left.saturating_sub(length);
        }
    }

    /// Takes credit.
    ///
    /// # Errors
    /// [`StreamError::Credit`] if it is more than was sent.
    pub fn credit(&mut self, bytes: u32) -> Result<(), StreamError> {
        let left = self.left.checked_add(bytes).filter(|left| *left <= WINDOW);
        self.left = left.ok_or(StreamError::Credit(self.stream))?;
        Ok(())
    }
}

/// The receiving side of a stream: how much more the other side may send.
#[derive(Debug)]
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
        Self { stream, granted: WINDOW, passed: 0, ended: false }
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
        if self.passed >= WINDOW / 4 && !self.ended {
            self.granted = self.granted.saturating_add(self.passed).min(WINDOW);
            encode_credit(self.stream, core::mem::take(&mut self.passed), out);
        }
    }
}
