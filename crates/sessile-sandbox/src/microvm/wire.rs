//! The link to a machine: QEMU's standard input and output, which lead to the guest's serial port. Whatever the guest says is hostile.

use rustix::io::Errno;
use serde::Serialize;
use sessile_link::{FrameDecoder, Packet, StreamError, frame};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What ends a link.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The other side said what no honest guest says.
    #[error("the guest broke the rules of its link: {0}")]
    Nonsense(String),
    /// The machine is gone, or as good as.
    #[error("the link ended")]
    Closed,
    /// The host's kernel failed.
    #[error("the link failed: {0}")]
    Io(#[from] io::Error),
}

impl From<StreamError> for WireError {
    fn from(error: StreamError) -> Self {
        Self::Nonsense(error.to_string())
    }
}

/// A pipe's end that somebody waits for.
pub(super) type Pipe = AsyncFd<OwnedFd>;

/// Registers a non-blocking pipe that is read.
pub(super) fn reader(pipe: OwnedFd) -> io::Result<Pipe> {
    crate::readiness::watch_for(pipe, Interest::READABLE)
}

/// Registers a non-blocking pipe that is written.
pub(super) fn writer(pipe: OwnedFd) -> io::Result<Pipe> {
    crate::readiness::watch_for(pipe, Interest::WRITABLE)
}

/// Reads what is there, waiting for something; 0 at the end. Nothing is lost if it is given up.
pub(super) async fn read(pipe: &Pipe, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = pipe.readable().await?;
        match ready.try_io(|pipe| rustix::io::read(pipe.get_ref(), &mut *piece).map_err(io::Error::from)) {
            Ok(done) => return done,
            Err(_would_block) => {}
        }
    }
}

/// Writes what fits, waiting until something does. Nothing is written twice if it is given up.
pub(super) async fn write(pipe: &Pipe, piece: &[u8]) -> io::Result<usize> {
    loop {
        let mut ready = pipe.writable().await?;
        match ready.try_io(|pipe| rustix::io::write(pipe.get_ref(), piece).map_err(io::Error::from)) {
            Ok(done) => return done,
            Err(_would_block) => {}
        }
    }
}

/// Whether an error says that nobody reads any more.
pub(super) fn is_deaf(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::PIPE.raw_os_error())
}

/// Frames to and from a machine.
#[derive(Debug)]
pub(super) struct Wire {
    to: Pipe,
    from: Pipe,
    frames: FrameDecoder,
    /// What waits to be sent.
    outbox: Vec<u8>,
    sent: usize,
    /// What is read into.
    piece: Vec<u8>,
}

impl Wire {
    pub(super) fn new(to: OwnedFd, from: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            to: writer(to)?,
            from: reader(from)?,
            frames: FrameDecoder::new(),
            outbox: Vec::new(),
            sent: 0,
            piece: vec![0; PIECE],
        })
    }

    /// Puts a message on `channel` into the outbox.
    pub(super) fn put<M: Serialize>(&mut self, channel: u8, message: &M) -> Result<(), WireError> {
        let json = serde_json::to_vec(message).map_err(|error| io::Error::other(error.to_string()))?;
        frame::encode(channel, &json, &mut self.outbox).map_err(|error| WireError::Io(io::Error::other(error)))
    }

    /// Where frames are put.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// How many bytes wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() - self.sent
    }

    /// A packet that has come already.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, WireError> {
        let frame = self.frames.next().map_err(StreamError::from)?;
        Ok(frame.map(Packet::try_from).transpose()?)
    }

    /// Sends and takes in once, whichever can be done first. Nothing is lost if it is given up.
    pub(super) async fn exchange(&mut self) -> Result<(), WireError> {
        let rest = self.outbox.get(self.sent..).unwrap_or_default();
        tokio::select! {
            count = read(&self.from, &mut self.piece) => match count? {
                0 => return Err(WireError::Closed),
                count => self.frames.push(self.piece.get(..count).unwrap_or_default()),
            },
            sent = write(&self.to, rest), if !rest.is_empty() => {
                self.sent += sent.map_err(|error| if is_deaf(&error) { WireError::Closed } else { error.into() })?;
                if self.sent == self.outbox.len() {
                    self.outbox.clear();
                    self.sent = 0;
                }
            }
        }
        Ok(())
    }

    /// The next packet, sending meanwhile what waits.
    pub(super) async fn wait(&mut self) -> Result<Packet, WireError> {
        loop {
            if let Some(packet) = self.next()? {
                return Ok(packet);
            }
            self.exchange().await?;
        }
    }
}
