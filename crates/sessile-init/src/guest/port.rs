//! The link as a machine has it: a serial port, over which every channel travels.

use crate::clock;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use serde::Serialize;
use sessile_link::guest::FromGuest;
use sessile_link::streams::MACHINE;
use sessile_link::{FrameDecoder, FromInit, Packet, frame};

/// The first port of the machine's only serial bus; 0 is the console's.
const PATH: &str = "/dev/vport0p1";

/// How long the kernel may take to show it, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(20);
const PACE: Duration = Duration::from_millis(1);

/// How long init waits to be switched off once it has said everything.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What is read at once; the port hands out a page at a time.
const PIECE: usize = 4096;

/// What is read of streams while this much waits to be sent, in bytes.
pub(super) const OUTBOX: usize = 128 * 1024;

/// The link.
pub(super) struct Port {
    fd: OwnedFd,
    frames: FrameDecoder,
    outbox: Vec<u8>,
    sent: usize,
}

impl Port {
    /// Opens the port, which comes into being a moment after its driver.
    pub(super) fn open() -> Result<Self, Errno> {
        let deadline = clock::now() + PATIENCE;
        loop {
            match open(PATH, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
                Ok(fd) => return Ok(Self { fd, frames: FrameDecoder::new(), outbox: Vec::new(), sent: 0 }),
                Err(Errno::NOENT) if clock::now() < deadline => clock::sleep(PACE),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The next packet, waiting for it.
    pub(super) fn wait(&mut self) -> Result<Packet, Errno> {
        loop {
            if let Some(packet) = self.next()? {
                return Ok(packet);
            }
            let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => self.fill()?,
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Takes in what is there.
    pub(super) fn fill(&mut self) -> Result<(), Errno> {
        let mut piece = vec![0; PIECE];
        match rustix::io::read(&self.fd, piece.as_mut_slice()) {
            Ok(0) => Err(Errno::PIPE), // the host closed its end
            Ok(count) => {
                self.frames.push(piece.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// The next packet that has been taken in.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Errno> {
        let frame = self.frames.next().map_err(|_| Errno::PROTO)?;
        frame.map(Packet::try_from).transpose().map_err(|_| Errno::PROTO)
    }

    /// Where to write frames to; [`flush`](Self::flush) sends them.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// How many bytes wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() - self.sent
    }

    /// Sends what the host takes now.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        while let Some(rest) = self.outbox.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match rustix::io::write(&self.fd, rest) {
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

    /// Sends everything, waiting for the host, until `deadline`.
    pub(super) fn flush_until(&mut self, deadline: Duration) -> Result<(), Errno> {
        loop {
            self.flush()?;
            let left = deadline.saturating_sub(clock::now());
            if self.waiting() == 0 || left.is_zero() {
                return Ok(());
            }
            let mut polled = [PollFd::new(&self.fd, PollFlags::OUT)];
            let _ = poll(&mut polled, clock::timespec(left).as_ref());
        }
    }

    fn put<M: Serialize>(&mut self, channel: u8, message: &M) -> Result<(), Errno> {
        let json = serde_json::to_vec(message).map_err(|_| Errno::INVAL)?;
        frame::encode(channel, &json, &mut self.outbox).map_err(|_| Errno::MSGSIZE)
    }

    /// Says something about the machine, at once.
    pub(super) fn say_of_machine(&mut self, message: &FromGuest) -> Result<(), Errno> {
        self.put(MACHINE, message)?;
        self.flush_until(clock::now() + PATIENCE)
    }

    /// Says what init says, at once.
    pub(super) fn say(&mut self, message: &FromInit) -> Result<(), Errno> {
        self.put(frame::CONTROL, message)?;
        self.flush_until(clock::now() + PATIENCE)
    }

    /// Waits to be switched off: what was said last is on its way until the host has it, and a reset would lose it.
    pub(super) fn wait_for_the_end(&mut self) {
        let deadline = clock::now() + LAST_WAIT;
        let _ = self.flush_until(deadline);
        while clock::now() < deadline {
            let left = clock::timespec(deadline.saturating_sub(clock::now()));
            let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
            let _ = poll(&mut polled, left.as_ref());
            if self.fill().is_err() {
                return;
            }
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
