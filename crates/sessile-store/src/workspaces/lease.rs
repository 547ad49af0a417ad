//! The right to a workspace: a lock that lives as long as anybody holds it, the sandbox's init among them.
//!
//! `flock(2)` belongs to the open file and goes with its last descriptor. The node holds one until its sandbox is gone; init
//! holds one too, so that the lock outlives a node that is killed for as long as its sandbox does. What the kernel does not
//! promise is that the last process of the sandbox has ended before init's descriptor is closed: an init that exits closes its
//! files first, and kills the others then. So the lease also says which process init is, and whoever takes the lock waits until
//! that one is gone.

use super::{Workspace, WorkspaceError};
use crate::Process;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, ftruncate, openat};
use rustix::io::{Errno, pread, pwrite};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What a lease says is shorter.
const LONGEST: usize = 256;

/// What came of trying to take a lease.
#[derive(Debug)]
pub enum Attempt {
    /// It is taken.
    Taken(Lease),
    /// A sandbox has the workspace: that of this session, where that can be read.
    HeldBy(Option<String>),
}

/// The right to a workspace. It ends when this, and every descriptor that [`descriptor`](Self::descriptor) was duplicated to,
/// is dropped.
#[derive(Debug)]
pub struct Lease {
    lock: Arc<OwnedFd>,
    session: String,
}

impl Workspace {
    /// Takes the lease for `session`, if nobody has it. Does not wait.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub fn try_lease(&self, session: &str) -> Result<Attempt, WorkspaceError> {
        let path = self.place.join("lease");
        let failed = |errno: Errno| WorkspaceError::io("lock", &path)(errno);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Attempt::HeldBy(Entry::read(&lock).map(|entry| entry.session))),
            Err(errno) => return Err(failed(errno)),
        }
        if let Some(entry) = Entry::read(&lock).filter(|entry| entry.init.as_ref().is_some_and(Process::is_alive)) {
            return Ok(Attempt::HeldBy(Some(entry.session)));
        }
        let lease = Lease { lock: Arc::new(lock), session: session.to_owned() };
        lease.write(&format!("{session}\n")).map_err(failed)?;
        Ok(Attempt::Taken(lease))
    }
}

impl Lease {
    /// The locked descriptor, for a sandbox to hold on to.
    #[must_use]
    pub fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.lock)
    }

    /// Writes down which process is the sandbox's init.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn record(&self, init: i32) -> std::io::Result<()> {
        let session = &self.session;
        let text = match u32::try_from(init).ok().and_then(Process::of) {
            Some(init) => format!("{session} {init}\n"),
            None => format!("{session}\n"), // gone already
        };
        Ok(self.write(&text)?)
    }

    /// In this order, a reader never finds less than the name of a session.
    fn write(&self, text: &str) -> Result<(), Errno> {
        pwrite(&self.lock, text.as_bytes(), 0)?;
        ftruncate(&self.lock, text.len() as u64)
    }
}

/// What a lease says.
struct Entry {
    session: String,
    init: Option<Process>,
}

impl Entry {
    fn read(lock: &OwnedFd) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let count = pread(lock, &mut bytes, 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..count)?).ok()?;
        let line = text.lines().next()?;
        let (session, init) = line.split_once(' ').unwrap_or((line, ""));
        let session = Some(session).filter(|session| !session.is_empty())?.to_owned();
        Some(Self { session, init: init.parse().ok() })
    }
}
