//! What a tool says, line by line.

use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::tail::LONGEST_LINE;

/// A stream, cut into lines of bounded length.
pub(super) struct Lines {
    stream: pipe::Receiver,
    buffer: Box<[u8]>,
    unfinished: Vec<u8>,
}

impl Lines {
    pub(super) fn new(stream: OwnedFd) -> Option<Self> {
        let stream = pipe::Receiver::from_owned_fd_unchecked(stream).ok()?;
        Some(Self { stream, buffer: vec![0; 8192].into(), unfinished: Vec::new() })
    }

    /// What came in, `None` at the end. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> Option<Vec<String>> {
        let read = self.stream.read(&mut self.buffer).await.unwrap_or(0);
        if read == 0 {
            let rest = std::mem::take(&mut self.unfinished);
            return (!rest.is_empty()).then(|| vec![String::from_utf8_lossy(&rest).into_owned()]);
        }
        let mut lines = Vec::new();
        for &byte in self.buffer.get(..read).unwrap_or_default() {
            // Progress bars end their lines with a carriage return.
            if byte == b'\n' || byte == b'\r' {
                lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.unfinished)).into_owned());
            } else if self.unfinished.len() < LONGEST_LINE {
                self.unfinished.push(byte);
            }
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests;
