//! Workspaces that outlive their sessions: a directory for each principal of a server, which one sandbox at a time has.
//!
//! ```text
//! STATE_DIR/workspaces/SERVER/PRINCIPAL/files   what the server sees as /workspace
//!                                      /lease   locked as long as a sandbox has it; says which session
//! ```
//! What is in `files` was written by servers: nothing here opens, runs or follows any of it. It is looked at from descriptors,
//! name by name, to count it ([`Workspace::usage`]).

mod lease;
mod usage;

#[cfg(test)]
mod tests;

pub use lease::{Attempt, Lease};
pub use usage::Usage;

use crate::state_dir::{self, StateDirError};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid, chownat, mkdirat};
use rustix::io::Errno;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where they lie below the state directory.
const PLACE: &str = "workspaces";

/// Why a workspace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The state directory is no place for it.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The operating system said no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file, a link, a device.
    #[error("{path} is not a directory; move it away")]
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else could exchange what lies in it.
    #[error("{path} belongs to another user (uid {owner}); run as that user, or move it away")]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The same.
    #[error("{path} can be written by other users of this machine (mode {mode:04o}); run `chmod go-w {path}`")]
    OpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl WorkspaceError {
    fn io<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |error| Self::Io { doing, path: path.to_owned(), source: error.into() }
    }
}

/// The workspaces of one server.
#[derive(Clone, Debug)]
pub struct Workspaces {
    state_dir: PathBuf,
    server: String,
    owner: Option<u32>,
}

impl Workspaces {
    /// Those of `server`, which is a plain name, below `state_dir`. The files are to belong to the user `owner` of the host, else
    /// to this process's.
    #[must_use]
    pub fn of_server(state_dir: &Path, server: &str, owner: Option<u32>) -> Self {
        Self { state_dir: state_dir.to_owned(), server: server.to_owned(), owner }
    }

    /// Where they lie.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.state_dir.join(PLACE).join(&self.server)
    }

    /// The workspace called `name`, which is a plain file name; made if it is not there.
    ///
    /// # Errors
    /// When a directory cannot be made, or anybody else could put another one in its place.
    pub fn open(&self, name: &str) -> Result<Workspace, WorkspaceError> {
        state_dir::prepare(&self.state_dir)?;
        // Without links, as what is shown to a sandbox must be named.
        let mut place = self.state_dir.canonicalize().map_err(WorkspaceError::io("look at", &self.state_dir))?;
        for part in [PLACE, &self.server, name] {
            place.push(part);
            make_own(&place)?;
        }
        let files = place.join("files");
        make(&files)?;
        let found = look(&files)?.uid();
        let this = rustix::process::geteuid().as_raw();
        match self.owner {
            // Just made, or made by a node that was killed before it got here.
            Some(owner) if found == this && owner != this => {
                let (user, group) = (Uid::from_raw(owner), Gid::from_raw(owner));
                chownat(CWD, &files, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(WorkspaceError::io("change the owner of", &files))?;
            }
            owner if found == owner.unwrap_or(this) => {}
            _ => return Err(WorkspaceError::ForeignOwner { path: files, owner: found }),
        }
        Ok(Workspace { place })
    }
}

/// The workspace of one principal.
#[derive(Clone, Debug)]
pub struct Workspace {
    place: PathBuf,
}

impl Workspace {
    /// What the server sees. Absolute, and free of links.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.place.join("files")
    }

    /// What lies in it, counted until it exceeds `most`. Takes as long as looking at all files does.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn usage(&self, most: Usage) -> io::Result<Usage> {
        Ok(usage::count(&self.files(), most)?)
    }
}

/// Makes `path` if it is not there, for this user alone.
fn make(path: &Path) -> Result<(), WorkspaceError> {
    match mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(WorkspaceError::io("make", path)(errno)),
    }
}

/// Makes sure that `path` is a directory in which nobody but this user can exchange anything.
fn make_own(path: &Path) -> Result<(), WorkspaceError> {
    make(path)?;
    let found = look(path)?;
    let (path, owner, mode) = (path.to_owned(), found.uid(), found.mode() & 0o7777);
    if owner != rustix::process::geteuid().as_raw() {
        return Err(WorkspaceError::ForeignOwner { path, owner });
    }
    if mode & 0o022 != 0 {
        return Err(WorkspaceError::OpenToOthers { path, mode });
    }
    Ok(())
}

/// A directory, not followed if it is a link.
fn look(path: &Path) -> Result<Metadata, WorkspaceError> {
    let found = path.symlink_metadata().map_err(WorkspaceError::io("look at", path))?;
    if found.is_dir() { Ok(found) } else { Err(WorkspaceError::NotADirectory { path: path.to_owned() }) }
}
