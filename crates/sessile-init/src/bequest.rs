//! What init keeps for the runtime that comes after the one which made the sandbox: where it can be met, and what it hands over then.

use crate::inherited::inherited;
use crate::link::Link;
use crate::server::Server;
use alloc::string::String;
use alloc::vec::Vec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, listen};
use sessile_link::{FromInit, Note, StartOrder, ToInit};

/// Where the driver puts the socket at which the next runtime asks.
const MEETING_FD: RawFd = 4;

/// Where it puts what that runtime is to get.
const ESTATE_FD: RawFd = 5;

/// Where it puts what else that runtime is to get, if anything.
const KEPT_FD: RawFd = 7;

/// Runtimes that may wait until the first is heard.
const BACKLOG: i32 = 4;

/// Kept until another runtime comes.
pub(crate) struct Bequest {
    meeting: OwnedFd,
    estate: OwnedFd,
    kept: Option<OwnedFd>,
    record: String,
    /// The socket that listens inside for the gate.
    gate: Option<OwnedFd>,
    /// What is less than was asked for.
    notes: Vec<Note>,
    /// Runtimes that have had the sandbox.
    generation: u32,
}

impl Bequest {
    /// Takes over what came with the order, if it says that something did, and begins to listen. Called once.
    pub(crate) fn inherited(order: &StartOrder) -> Result<Option<Self>, Errno> {
        let Some(bequest) = &order.bequest else { return Ok(None) };
        let [meeting, estate] = [MEETING_FD, ESTATE_FD].map(inherited);
        let (meeting, estate) = (meeting?, estate?);
        let kept = bequest.kept.then(|| inherited(KEPT_FD)).transpose()?;
        // Who listens is who a caller is shown as its peer (`SO_PEERCRED`): init, by its process id.
        listen(&meeting, BACKLOG)?;
        Ok(Some(Self {
            meeting,
            estate,
            kept,
            record: bequest.record.clone(),
            gate: None,
            notes: Vec::new(),
            generation: 1,
        }))
    }

    /// Keeps the socket that listens inside as well, and what was said of the start.
    pub(crate) fn keep(&mut self, gate: Option<OwnedFd>, notes: Vec<Note>) {
        (self.gate, self.notes) = (gate, notes);
    }

    /// Another runtime, if one is there.
    pub(crate) fn meet(&self) -> Option<OwnedFd> {
        accept_with(&self.meeting, SocketFlags::CLOEXEC).ok()
    }

    /// Hands everything over to the runtime that asked on `link`.
    pub(crate) fn hand_over(&mut self, link: &Link<ToInit>, server: &Server) -> Result<(), Errno> {
        let stdin = server.stdin.as_ref();
        let adopted = FromInit::Adopted {
            record: self.record.clone(),
            pid: server.pid,
            landlock: server.landlock,
            notes: self.notes.clone(),
            generation: self.generation.saturating_add(1),
            stdin: stdin.is_some(),
            gate: self.gate.is_some(),
            kept: self.kept.is_some(),
        };
        let kept = [stdin, self.gate.as_ref(), self.kept.as_ref()].into_iter().flatten().map(AsFd::as_fd);
        let descriptors: Vec<_> = server.outputs().into_iter().chain([self.estate.as_fd()]).chain(kept).collect();
        link.say(&adopted, &descriptors)?;
        self.generation = self.generation.saturating_add(1);
        Ok(())
    }
}

impl AsFd for Bequest {
    /// Readable when another runtime is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.meeting.as_fd()
    }
}
