//! The process of a machine that keeps the powers which init gives up: it has the machine forget before it sleeps, makes it another one when
//! it wakes, and starts further commands beside the server ([`command`]). It takes requests from init alone, over a socket that nobody
//! else has.
#![allow(unsafe_code)]

use super::{command, renewal};
use crate::life::{self, Begun};
use crate::{privileges, signals, userns};
use alloc::vec::Vec;
use core::mem::{ManuallyDrop, MaybeUninit};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::{Errno, IoSlice, IoSliceMut, fcntl_dupfd_cloexec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use sessile_link::guest::Renew;
use sessile_link::{Inside, Refusal, StartOrder};

/// The longest request, in bytes.
const REQUEST: usize = 1024;

/// What keeps the kernel from ending it when memory runs out: a command would not be what it is for.
const SPARED: &[u8] = b"-1000";

/// The first descriptor that is no standard stream.
const FIRST: i32 = 3;

/// What init asks for.
#[derive(Serialize, Deserialize)]
enum Request {
    /// Make the machine another one. Answered with the proof, or with less.
    Renew(Renew),
    /// Forget what can be read again. Answered with anything.
    Forget,
    /// Run a command for whoever is at the other end of the socket that comes with it. Not answered: all is said there.
    Command,
}

/// Init's way to it.
pub(super) struct Door {
    socket: OwnedFd,
}

impl Door {
    /// Opens it, while init may still do everything: for the server that `order` has `begun`.
    pub(super) fn open(order: &StartOrder, begun: &Begun) -> Result<Self, Refusal> {
        let kernel = || life::kernel("keep a door");
        let flags = SocketFlags::CLOEXEC;
        let (socket, inside) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(kernel())?;
        // SAFETY: this process has one thread, so that the child may do anything its parent could.
        match unsafe { libc::fork() } {
            0 => {
                if let Some(keeper) = Keeper::new(inside, order, begun) {
                    keeper.serve();
                }
                // SAFETY: ends this process without running the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            1.. => Ok(Self { socket }),
            _ => Err(kernel()(crate::errno::last())),
        }
    }

    /// Makes the machine another one; gives the proof.
    pub(super) fn renew(&self, renew: Renew) -> Result<[u8; 16], Errno> {
        self.ask(&Request::Renew(renew), None)?;
        let mut proof = [0; 16];
        match rustix::io::read(&self.socket, &mut proof)? {
            16 => Ok(proof),
            _ => Err(Errno::IO),
        }
    }

    /// Has the kernel forget the files that it read and nobody uses: a machine that is written down is smaller without them.
    pub(super) fn forget(&self) -> Result<(), Errno> {
        self.ask(&Request::Forget, None)?;
        rustix::io::read(&self.socket, &mut [0; 1]).map(drop)
    }

    /// A connection, which does not block, to whoever will run a command.
    pub(super) fn command(&self) -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        self.ask(&Request::Command, Some(&theirs))?;
        Ok(ours)
    }

    fn ask(&self, request: &Request, with: Option<&OwnedFd>) -> Result<(), Errno> {
        let request = serde_json::to_vec(request).map_err(|_| Errno::INVAL)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = with.map(AsFd::as_fd);
        if !descriptors.as_slice().is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors.as_slice()));
        }
        sendmsg(&self.socket, &[IoSlice::new(&request)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
    }
}

/// The process itself.
struct Keeper {
    socket: OwnedFd,
    signals: OwnedFd,
    /// A `/proc` that is visible nowhere and can be written.
    proc: OwnedFd,
    /// What a command is to be held by.
    inside: Inside,
}

impl Keeper {
    /// `None` if it cannot even wait.
    fn new(socket: OwnedFd, order: &StartOrder, begun: &Begun) -> Option<Self> {
        let (server, built) = (&begun.server, &begun.built);
        let mut inside = Inside::of(order, 0);
        inside.found(server.pid, server.landlock, &built.notes);
        // In this order: a process that keeps to itself may not even write about itself.
        let _ = userns::write_self(&built.proc, b"self/oom_score_adj\0", SPARED);
        let _ = privileges::be_open(false);
        let kept = |fd: &OwnedFd| fcntl_dupfd_cloexec(fd, FIRST).ok();
        let socket = ManuallyDrop::new(socket);
        let (socket, proc) = (kept(&socket)?, kept(&built.proc)?);
        keep_only([&socket, &proc]).ok()?;
        Some(Self { socket, signals: signals::as_descriptor().ok()?, proc, inside })
    }

    /// Serves init until it is gone.
    fn serve(&self) {
        loop {
            // Commands that have ended.
            while signals::reap().is_some() {}
            let mut polled = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut polled, None);
            let [asked, _] = polled.map(|fd| !fd.revents().is_empty());
            signals::drain(&self.signals);
            if !asked {
                continue;
            }
            let done = match self.hear() {
                Ok((Request::Renew(renew), _)) => {
                    // Nothing is no proof.
                    let proof = renewal::renew(&renew);
                    rustix::io::write(&self.socket, proof.as_ref().map_or(&[0], <[u8; 16]>::as_slice)).map(drop)
                }
                Ok((Request::Forget, _)) => {
                    // Without it, the machine is merely larger.
                    let _ = self.forget();
                    rustix::io::write(&self.socket, &[0]).map(drop)
                }
                Ok((Request::Command, Some(socket))) => {
                    self.run(socket);
                    Ok(())
                }
                Ok((Request::Command, None)) | Err(Errno::INTR) => Ok(()),
                Err(errno) => Err(errno),
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// The next request, with what came with it.
    fn hear(&self) -> Result<(Request, Option<OwnedFd>), Errno> {
        let mut request = Vec::from([0; REQUEST]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let pieces = &mut [IoSliceMut::new(&mut request)];
        let count = recvmsg(&self.socket, pieces, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let mut with = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(more) = message {
                with = more.last();
            }
        }
        let request = request.get(..count).filter(|request| !request.is_empty()).ok_or(Errno::PIPE)?;
        Ok((serde_json::from_slice(request).map_err(|_| Errno::PROTO)?, with))
    }

    /// `drop_caches` of proc_sys_vm(5): 1 is the contents of files that nobody has mapped.
    fn forget(&self) -> Result<(), Errno> {
        let file = openat(&self.proc, "sys/vm/drop_caches", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(&file, b"1").map(drop)
    }

    /// Has a process of its own run a command.
    fn run(&self, socket: OwnedFd) {
        // SAFETY: this process has one thread, so that the child may do anything its parent could.
        match unsafe { libc::fork() } {
            0 => {
                if keep_only([&socket, &self.proc]).is_ok() {
                    command::run(socket, &self.inside, &self.proc);
                }
                // SAFETY: ends this process without running the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            1.. => {}
            _ => command::refuse(socket, crate::errno::last()),
        }
    }
}

/// Closes everything else: the server's pipes end with those who use them. Standard streams lead nowhere from here on, so that nothing
/// that is opened later lies there. What the caller still has of descriptors it must not use, nor drop.
fn keep_only(kept: [&OwnedFd; 2]) -> Result<(), Errno> {
    let nowhere = ManuallyDrop::new(open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?);
    for place in 0..FIRST {
        // SAFETY: this process uses no standard streams; what lies there is the parent's.
        unsafe { libc::dup2(nowhere.as_raw_fd(), place) };
    }
    let [one, other] = kept.map(AsRawFd::as_raw_fd);
    let (low, high) = (one.min(other), one.max(other));
    for (first, last) in [(FIRST, low - 1), (low + 1, high - 1), (high + 1, i32::MAX)] {
        if first <= last {
            // SAFETY: closes copies that the parent has as well; nothing in this process uses them from here on.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
    Ok(())
}
