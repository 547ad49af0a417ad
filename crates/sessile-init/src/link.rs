//! Init's end of the link: descriptor 3.
#![allow(unsafe_code)]

use alloc::vec::Vec;
use core::mem::MaybeUninit;
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sessile_link::Inbox;

/// Where the driver puts the link before it starts this program.
const LINK_FD: i32 = 3;

/// The link to the runtime (or, for the keeper, to the runtime it guards).
pub(crate) struct Link<M> {
    socket: OwnedFd,
    inbox: Inbox<M>,
}

/// What came over the link.
pub(crate) enum Heard<M> {
    /// A message.
    Message(M),
    /// Nothing more for the moment.
    Nothing,
    /// The runtime is gone, or speaks no sense any more.
    End,
}

impl<M: DeserializeOwned> Link<M> {
    /// Takes over descriptor 3. Called once, before anything else opens a descriptor.
    pub(crate) fn inherited() -> Self {
        // SAFETY: the driver puts the link's socket at 3 and nothing in this process has touched it yet, so it is open
        // and owned by nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(LINK_FD) };
        // It arrived without, or it would not have arrived; the server must never get it.
        let _ = rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC);
        Self { socket, inbox: Inbox::default() }
    }

    /// Goes on with another socket.
    pub(crate) fn replace(&mut self, socket: OwnedFd) {
        self.socket = socket;
        self.inbox = Inbox::default();
    }

    /// The next message, waiting for it if need be.
    pub(crate) fn wait(&mut self) -> Heard<M> {
        loop {
            match self.inbox.next() {
                Ok(Some(message)) => return Heard::Message(message),
                Ok(None) => {}
                Err(_) => return Heard::End,
            }
            if !self.fill() {
                return Heard::End;
            }
        }
    }

    /// Reads once, which must not block: the caller has polled. Then [`next`](Self::next) until it answers `Nothing`.
    pub(crate) fn fill(&mut self) -> bool {
        let mut piece = [0; 4096];
        loop {
            return match rustix::io::read(&self.socket, &mut piece) {
                Ok(0) => false,
                Ok(count) => {
                    self.inbox.push(piece.get(..count).unwrap_or_default());
                    true
                }
                Err(Errno::INTR) => continue,
                Err(_) => false,
            };
        }
    }

    /// The next message with the descriptors that came with it, waiting for it if need be.
    pub(crate) fn wait_for_descriptors(&mut self, descriptors: &mut Vec<OwnedFd>) -> Heard<M> {
        loop {
            match self.inbox.next() {
                Ok(Some(message)) => return Heard::Message(message),
                Ok(None) => {}
                Err(_) => return Heard::End,
            }
            let mut piece = [0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let pieces = &mut [IoSliceMut::new(&mut piece)];
            let count = match recvmsg(&self.socket, pieces, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => continue,
                Ok(received) if received.bytes > 0 => received.bytes,
                Ok(_) | Err(_) => return Heard::End,
            };
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(more) = message {
                    descriptors.extend(more);
                }
            }
            self.inbox.push(piece.get(..count).unwrap_or_default());
        }
    }

    /// The next message that has already been read.
    pub(crate) fn next(&mut self) -> Heard<M> {
        match self.inbox.next() {
            Ok(Some(message)) => Heard::Message(message),
            Ok(None) => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }

    /// Says `message`, handing over descriptors with its first byte.
    pub(crate) fn say(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut bytes = Vec::new();
        sessile_link::control::encode(message, &mut bytes).map_err(|_| Errno::MSGSIZE)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(6))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let flags = SendFlags::NOSIGNAL;
            match sendmsg(&self.socket, &[IoSlice::new(rest)], &mut ancillary, flags) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            }
            ancillary.clear();
        }
        Ok(())
    }
}

impl<M> AsFd for Link<M> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
