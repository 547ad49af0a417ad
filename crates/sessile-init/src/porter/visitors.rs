//! Connections from the runtime: one that controls, and those that lead into the machine.

use crate::clock;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, socket_with, sockopt};
use sessile_link::frame::{self, CONTROL, Frame, FrameDecoder};
use sessile_link::porter::{Errand, Opened, PORT, PORTER, ToPorter};
use sessile_link::streams::{MACHINE, Opening};

/// Connections that may wait until they are taken.
const BACKLOG: i32 = 128;

/// How many may not have said yet what they are for, and for how long.
const UNDECIDED: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept for the runtime to hear, in bytes.
const UNHEARD: usize = 64 * 1024;

/// What is read at once.
const PIECE: usize = 4096;

/// What the runtime says.
#[derive(Debug)]
pub(super) enum Said {
    /// To the guest, as it is.
    ToGuest { channel: u8, message: Vec<u8> },
    /// To the porter.
    Errand(Errand),
    /// For a connection of its own.
    Open { opening: Opening, socket: OwnedFd },
}

/// One connection.
struct Visitor {
    socket: OwnedFd,
    frames: FrameDecoder,
}

/// See the module.
pub(super) struct Visitors {
    listener: OwnedFd,
    undecided: VecDeque<(Visitor, Duration)>,
    control: Option<Visitor>,
    /// Whole frames that the runtime has not been told, the first of them perhaps in part.
    unheard: VecDeque<Vec<u8>>,
    /// How much of the first has been said to `control`.
    said: usize,
}

/// What a connection into the machine is told first.
pub(super) fn announce(errno: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let json = serde_json::to_vec(&Opened { errno }).unwrap_or_default();
    let _ = frame::encode(CONTROL, &json, &mut bytes); // a few bytes are never too long
    bytes
}

/// Tells a connection that it leads nowhere.
pub(super) fn refuse(socket: &OwnedFd, errno: Errno) {
    let _ = rustix::io::write(socket, &announce(u16::try_from(errno.raw_os_error()).unwrap_or(1)));
}

impl Visitors {
    /// Listens where the runtime will come.
    pub(super) fn expect() -> Result<Self, Errno> {
        Self::at(PORT).map(|(visitors, _)| visitors)
    }

    /// Listens at a port, or with 0 at any; says at which.
    pub(super) fn at(port: u16) -> Result<(Self, u16), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        listen(&listener, BACKLOG)?;
        let bound = SocketAddrV4::try_from(rustix::net::getsockname(&listener)?).map_or(port, |address| address.port());
        let none = Self { listener, undecided: VecDeque::new(), control: None, unheard: VecDeque::new(), said: 0 };
        Ok((none, bound))
    }

    /// What to wait for, in the order of [`carry`](Self::carry).
    pub(super) fn wanted(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut control = PollFlags::IN;
        control.set(PollFlags::OUT, !self.unheard.is_empty());
        let control = self.control.as_ref().map(|visitor| (visitor.socket.as_fd(), control));
        let undecided = self.undecided.iter().map(|(visitor, _)| (visitor.socket.as_fd(), PollFlags::IN));
        [(self.listener.as_fd(), PollFlags::IN)].into_iter().chain(control).chain(undecided).collect()
    }

    /// Takes what is there.
    pub(super) fn carry(&mut self, ready: &[PollFlags]) -> Vec<Said> {
        let mut ready = ready.iter().map(|flags| !flags.is_empty());
        let new = ready.next().unwrap_or(false);
        let mut said = Vec::new();
        if self.control.is_some() && ready.next().unwrap_or(false) {
            self.hear(&mut said);
        }
        let now = clock::now();
        for _ in 0..self.undecided.len() {
            let Some((visitor, until)) = self.undecided.pop_front() else { break };
            if ready.next().unwrap_or(false) {
                self.decide(visitor, until, &mut said);
            } else if until > now {
                self.undecided.push_back((visitor, until));
            }
        }
        if new {
            self.accept(now);
        }
        said
    }

    fn accept(&mut self, now: Duration) {
        if self.undecided.len() >= UNDECIDED {
            self.undecided.pop_front();
        }
        if let Ok(socket) = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            let _ = sockopt::set_tcp_nodelay(&socket, true);
            self.undecided.push_back((Visitor { socket, frames: FrameDecoder::new() }, now + PATIENCE));
        }
    }

    /// Finds out what a connection is for.
    fn decide(&mut self, mut visitor: Visitor, until: Duration, said: &mut Vec<Said>) {
        if !visitor.fill() {
            return;
        }
        let purpose = match visitor.frames.next() {
            Ok(Some(Frame { channel: CONTROL, payload })) => serde_json::from_slice(&payload).ok(),
            Ok(None) => return self.undecided.push_back((visitor, until)),
            Ok(Some(_)) | Err(_) => None,
        };
        match purpose {
            Some(ToPorter::Control) => {
                self.control = Some(visitor);
                // Whoever was told a part of it is no more.
                self.said = 0;
                self.understand(said);
            }
            // Nothing may come before the answer, which would be lost here.
            Some(ToPorter::Open(opening)) if !visitor.frames.is_mid_frame() => {
                said.push(Said::Open { opening, socket: visitor.socket });
            }
            Some(ToPorter::Open(_)) | None => {}
        }
    }

    /// Hears who controls.
    fn hear(&mut self, said: &mut Vec<Said>) {
        if self.control.as_mut().is_some_and(Visitor::fill) {
            self.understand(said);
        } else {
            self.control = None;
        }
    }

    fn understand(&mut self, said: &mut Vec<Said>) {
        while let Some(visitor) = &mut self.control {
            let heard = match visitor.frames.next() {
                Ok(Some(Frame { channel: channel @ (CONTROL | MACHINE), payload })) => {
                    Some(Said::ToGuest { channel, message: payload })
                }
                Ok(Some(Frame { channel: PORTER, payload })) => {
                    serde_json::from_slice::<Errand>(&payload).ok().map(Said::Errand)
                }
                Ok(None) => return,
                Ok(Some(_)) | Err(_) => None,
            };
            match heard {
                Some(heard) => said.push(heard),
                None => self.control = None,
            }
        }
    }

    /// Keeps a message for the runtime. `false` if there is no room for it.
    pub(super) fn say(&mut self, channel: u8, message: &[u8]) -> bool {
        let mut bytes = Vec::new();
        if self.unheard().saturating_add(message.len()) > UNHEARD
            || frame::encode(channel, message, &mut bytes).is_err()
        {
            return false;
        }
        self.unheard.push_back(bytes);
        true
    }

    /// How much the runtime has not heard, in bytes.
    pub(super) fn unheard(&self) -> usize {
        self.unheard.iter().map(Vec::len).sum::<usize>().saturating_sub(self.said)
    }

    /// Says what the runtime takes now.
    pub(super) fn flush(&mut self) {
        while let (Some(visitor), Some(first)) = (&self.control, self.unheard.front()) {
            match rustix::io::write(&visitor.socket, first.get(self.said..).unwrap_or_default()) {
                Ok(count) => self.said += count,
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => (self.control, self.said) = (None, 0),
            }
            if self.said >= self.unheard.front().map_or(0, Vec::len) {
                self.unheard.pop_front();
                self.said = 0;
            }
        }
    }
}

impl Visitor {
    /// Takes in what is there. `false` once there will be no more.
    fn fill(&mut self) -> bool {
        let mut piece = vec![0; PIECE];
        match rustix::io::read(&self.socket, piece.as_mut_slice()) {
            Ok(0) => false,
            Ok(count) => {
                self.frames.push(piece.get(..count).unwrap_or_default());
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => false,
        }
    }
}
