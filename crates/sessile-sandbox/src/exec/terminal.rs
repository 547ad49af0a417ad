//! The runtime's end of a terminal, in tokio's event loop.

use crate::readiness;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The runtime's end of a terminal.
#[derive(Debug)]
pub struct Terminal {
    end: AsyncFd<File>,
}

impl Terminal {
    /// Watches over an end, which must not block. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the event loop does not take it.
    pub fn new(end: OwnedFd) -> io::Result<Self> {
        let both = Interest::READABLE | Interest::WRITABLE;
        Ok(Self { end: readiness::watch_for(File::from(end), both)? })
    }

    /// Reads what stands on the screen. 0 once nobody has the terminal open inside, which the kernel calls an error; of a machine's
    /// terminal, if something typed was not read any more.
    ///
    /// # Errors
    /// What else the kernel says.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.end.async_io(Interest::READABLE, |mut end| end.read(buffer)).await {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EIO | libc::ECONNRESET)) => Ok(0),
            read => read,
        }
    }

    /// Types some of `bytes`, and says how many.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.end.async_io(Interest::WRITABLE, |mut end| end.write(bytes)).await
    }
}
