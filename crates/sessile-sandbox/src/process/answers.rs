//! What init, or what runs a further command, says first: a message, and descriptors with it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::de::DeserializeOwned;
use sessile_link::{Inbox, LinkError};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// The runtime's end of a link while it waits for the first answer.
pub(crate) struct Answers<M> {
    pub(crate) link: UnixStream,
    pub(crate) inbox: Inbox<M>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// The other side is gone.
    #[error("it ended")]
    Gone,
    /// What came is no message.
    #[error(transparent)]
    Nonsense(LinkError),
    /// This side cannot wait or hear.
    #[error("cannot {0}: {1}")]
    Host(&'static str, io::Error),
}

impl<M: DeserializeOwned> Answers<M> {
    pub(crate) fn over(link: UnixStream) -> Self {
        Self { link, inbox: Inbox::default(), descriptors: Vec::new() }
    }

    /// The next message, by `deadline`.
    pub(crate) fn next(&mut self, deadline: Instant) -> Result<M, NoAnswer> {
        loop {
            if let Some(message) = self.inbox.next().map_err(NoAnswer::Nonsense)? {
                return Ok(message);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::Late);
            }
            let patience = Timespec::try_from(left).ok();
            let mut polled = [PollFd::new(&self.link, PollFlags::IN)];
            match poll(&mut polled, patience.as_ref()) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(NoAnswer::Host("wait for init", error.into())),
            }
            match self.receive() {
                Ok(0) => return Err(NoAnswer::Gone),
                Ok(_) => {}
                // It went away with something unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(NoAnswer::Gone),
                Err(error) => return Err(NoAnswer::Host("hear from init", error)),
            }
        }
    }

    /// Takes in bytes, and the descriptors that come with them.
    fn receive(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let count = receive(&self.link, &mut bytes, &mut self.descriptors)?;
        self.inbox.push(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Reads from a link, once. Descriptors are added in the order in which they came, which is that of the messages they came with.
pub(super) fn receive(link: impl AsFd, bytes: &mut [u8], descriptors: &mut impl Extend<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(6))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(link, &mut [IoSliceMut::new(bytes)], &mut ancillary, flags)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            descriptors.extend(came);
        }
    }
    Ok(received.bytes)
}
