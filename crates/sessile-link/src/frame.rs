//! Frames: `[channel u8][length u32, big endian][payload]`.

use alloc::vec::Vec;

#[cfg(test)]
mod tests;

/// The channel of control messages.
pub const CONTROL: u8 = 0;

/// The longest payload, in bytes: a start order with its environment and generated files fits amply.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The bytes before a payload.
const HEADER: usize = 5;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which conversation it belongs to: [`CONTROL`], or one of [`streams`](crate::streams).
    pub channel: u8,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: Vec<u8>,
}

/// Bytes that are no frame, or a payload that fits in none. The link cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is over [`MAX_PAYLOAD`].
    #[error("a frame of {length} bytes is over the limit of {MAX_PAYLOAD}")]
    TooLong {
        /// In bytes.
        length: usize,
    },
}

/// Appends a frame to `out`.
///
/// # Errors
/// [`FrameError::TooLong`] if `payload` is over [`MAX_PAYLOAD`]; `out` is as it was.
pub fn encode(channel: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let too_long = FrameError::TooLong { length: payload.len() };
    let length = u32::try_from(payload.len()).map_err(|_| too_long)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(too_long);
    }
    out.push(channel);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// Turns bytes, in pieces of any size, into frames.
///
/// It holds at most one unfinished frame plus what was pushed since [`next`](Self::next) last answered `None`.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// How much of `buffer` has been given out.
    taken: usize,
}

impl FrameDecoder {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] as soon as a header says so, before its payload is waited for; and again on every later call.
    #[allow(clippy::should_implement_trait)] // an iterator would hide that `None` means "not yet"
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((&[channel, a, b, c, d], body)) = rest.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLong { length });
        }
        let Some(payload) = body.get(..length) else {
            return Ok(None);
        };
        let payload = payload.to_vec();
        self.taken += HEADER + length;
        Ok(Some(Frame { channel, payload }))
    }

    /// Whether it holds the beginning of a frame: if the link ends now, it was cut.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        self.taken < self.buffer.len()
    }
}
