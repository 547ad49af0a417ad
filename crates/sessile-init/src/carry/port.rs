//! A machine's link, at either end: frames over two descriptors that may be one.

use crate::clock;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use serde::Serialize;
use sessile_link::{FrameDecoder, Packet, StreamError, frame};

/// What is read at once. A machine's port hands out a page at a time.
const PIECE: usize = 32 * 1024;

/// What ends a link.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The other side said what no honest peer says.
    Nonsense(StreamError),
    /// It is gone, or the kernel failed.
    Kernel(Errno),
}

impl From<StreamError> for Fault {
    fn from(error: StreamError) -> Self {
        Self::Nonsense(error)
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

/// One end of the link.
pub(crate) struct Port {
    from: OwnedFd,
    /// Where it is another one.
    to: Option<OwnedFd>,
    frames: FrameDecoder,
    outbox: Vec<u8>,
    sent: usize,
    piece: Vec<u8>,
}

impl Port {
    /// Reads from and writes to these, which do not block.
    pub(crate) fn new(from: OwnedFd, to: OwnedFd) -> Self {
        Self::over(from, Some(to))
    }

    /// The same of one that is both.
    pub(crate) fn both(ways: OwnedFd) -> Self {
        Self::over(ways, None)
    }

    fn over(from: OwnedFd, to: Option<OwnedFd>) -> Self {
        Self { from, to, frames: FrameDecoder::new(), outbox: Vec::new(), sent: 0, piece: vec![0; PIECE] }
    }

    /// What to poll for something to take in.
    pub(crate) fn from(&self) -> BorrowedFd<'_> {
        self.from.as_fd()
    }

    /// What to poll, first for something to take in, and for room where something waits to be sent.
    ///
    /// A descriptor that is both is polled once. The driver of a machine's port fetches what has come whenever anybody looks, and then
    /// wakes nobody (Linux, `drivers/char/virtio_console.c`: `port_fops_poll`, `in_intr`): of two looks in one `poll(2)`, the second, which
    /// does not ask for it, would be the one that finds it, and the first would sleep.
    pub(crate) fn wanted(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let sending = if self.waiting() > 0 { PollFlags::OUT } else { PollFlags::empty() };
        match &self.to {
            Some(to) => vec![(self.from(), PollFlags::IN), (to.as_fd(), sending)],
            None => vec![(self.from(), PollFlags::IN | sending)],
        }
    }

    fn to(&self) -> &OwnedFd {
        self.to.as_ref().unwrap_or(&self.from)
    }

    /// The next packet, waiting for it.
    pub(crate) fn wait(&mut self) -> Result<Packet, Fault> {
        loop {
            if let Some(packet) = self.next()? {
                return Ok(packet);
            }
            let mut polled = [PollFd::new(&self.from, PollFlags::IN)];
            match poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => self.fill()?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Takes in what is there.
    pub(crate) fn fill(&mut self) -> Result<(), Errno> {
        match rustix::io::read(&self.from, self.piece.as_mut_slice()) {
            Ok(0) => Err(Errno::PIPE), // the other side closed its end
            Ok(count) => {
                self.frames.push(self.piece.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// The next packet that has been taken in.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, StreamError> {
        let frame = self.frames.next()?;
        frame.map(Packet::try_from).transpose()
    }

    /// Where to write frames to; [`flush`](Self::flush) sends them.
    pub(crate) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// How many bytes wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len() - self.sent
    }

    /// Sends what the other side takes now.
    pub(crate) fn flush(&mut self) -> Result<(), Errno> {
        while let Some(rest) = self.outbox.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match rustix::io::write(self.to(), rest) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.outbox.clear();
        self.sent = 0;
        Ok(())
    }

    /// Sends everything, waiting for the other side, until `deadline`.
    pub(crate) fn flush_until(&mut self, deadline: Duration) -> Result<(), Errno> {
        loop {
            self.flush()?;
            let left = deadline.saturating_sub(clock::now());
            if self.waiting() == 0 || left.is_zero() {
                return Ok(());
            }
            let mut polled = [PollFd::new(self.to(), PollFlags::OUT)];
            let _ = poll(&mut polled, clock::timespec(left).as_ref());
        }
    }

    /// Sends everything, and waits until the other side is done as well, for `deadline` at most: what it has said and nobody has read here
    /// would take back what has been sent (tcp(7), and Unix sockets do the same).
    pub(crate) fn part_until(&mut self, deadline: Duration) -> Result<(), Errno> {
        self.flush_until(deadline)?;
        shutdown(self.to(), Shutdown::Write)?;
        loop {
            let left = deadline.saturating_sub(clock::now());
            if left.is_zero() {
                return Ok(());
            }
            let mut polled = [PollFd::new(&self.from, PollFlags::IN)];
            let _ = poll(&mut polled, clock::timespec(left).as_ref());
            match rustix::io::read(&self.from, self.piece.as_mut_slice()) {
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Puts a message on `channel`, as JSON.
    pub(crate) fn put<M: Serialize>(&mut self, channel: u8, message: &M) -> Result<(), Errno> {
        let json = serde_json::to_vec(message).map_err(|_| Errno::INVAL)?;
        frame::encode(channel, &json, &mut self.outbox).map_err(|_| Errno::MSGSIZE)
    }
}
