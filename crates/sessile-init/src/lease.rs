//! The lease on a runtime's sandboxes: a file that whoever has them keeps locked (`flock(2)`), in a directory of its own.

use alloc::format;
use alloc::string::String;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, open, rmdir, unlinkat};
use rustix::io::Errno;

/// The file's name in the directory.
const NAME: &str = "lease";

/// A lease that somebody else may have.
pub(crate) struct Lease {
    directory: String,
    file: OwnedFd,
}

impl Lease {
    /// The lease in `directory`, if there is one.
    pub(crate) fn of(directory: String) -> Option<Self> {
        let file = open(format!("{directory}/{NAME}"), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Self { directory, file })
    }

    /// If somebody has it, waits until nobody does. Tells whether somebody had.
    pub(crate) fn wait_while_held(&self) -> bool {
        match flock(&self.file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => {}
            _ => {
                let _ = flock(&self.file, FlockOperation::Unlock);
                return false;
            }
        }
        while matches!(flock(&self.file, FlockOperation::LockShared), Err(Errno::INTR)) {}
        let _ = flock(&self.file, FlockOperation::Unlock);
        true
    }

    /// Removes the directory and the files in it, and the one above it if that holds nothing else. (A runtime that is about to begin makes
    /// that one again.)
    pub(crate) fn remove(self) {
        let Ok(directory) = open(&*self.directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        else {
            return;
        };
        if let Ok(entries) = Dir::read_from(&directory) {
            for entry in entries.flatten() {
                // What is no file stays, and the directory with it.
                let _ = unlinkat(&directory, entry.file_name(), AtFlags::empty());
            }
        }
        let _ = rmdir(&*self.directory);
        if let Some((above, _)) = self.directory.rsplit_once('/') {
            let _ = rmdir(above);
        }
    }
}
