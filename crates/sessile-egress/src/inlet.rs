//! The readable side of a connection with what was read ahead.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const STEP: usize = 16 << 10;

/// Bytes that were read and not used yet, and where more come from.
#[derive(Debug)]
pub(crate) struct Inlet<R> {
    from: R,
    ahead: BytesMut,
}

impl<R: AsyncRead + Unpin> Inlet<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, ahead: BytesMut::new() }
    }

    /// What was read ahead.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.ahead
    }

    /// Uses up the first `count` bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        self.ahead.advance(count.min(self.ahead.len()));
    }

    /// Reads more behind what is there; 0 at the end. Nothing is lost if the future is dropped. The caller bounds how often
    /// it asks without using anything up.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.ahead.reserve(STEP);
        self.from.read_buf(&mut self.ahead).await
    }

    /// At least one byte, unless the end is reached.
    pub(crate) async fn some(&mut self) -> io::Result<&[u8]> {
        if self.ahead.is_empty() {
            self.fill().await?;
        }
        Ok(&self.ahead)
    }
}
