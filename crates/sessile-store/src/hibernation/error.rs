//! What can be wrong with a hibernated session, and what to do about it.

use crate::lock::LockError;
use crate::private::PrivateError;
use crate::state_dir::StateDirError;
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// Why a session was not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum HibernationError {
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// A file cannot be used, or is open to others.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Another process makes the key, or the lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The key file holds something else. What it is, is not told: it may be a key.
    #[error(
        "{path} holds no key of hibernated sessions that can be read; delete it, and a new one is made: sessions that are hibernated now are lost"
    )]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no randomness.
    #[error("no randomness to seal a session: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The operating system said no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No room on the disk.
    #[error("no room on the disk for {path}; free some, or lower `node.hibernation_disk`")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The session would be larger than all of them together may be.
    #[error("the session is larger than `node.hibernation_disk` allows ({limit} bytes)")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It is not there.
    #[error("{path} is gone")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program has written it, or something else has.
    #[error("{path} is no hibernated session that this version can read: {what}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What it is, as far as it says.
        what: String,
    },
    /// It is another session's, or of another time.
    #[error("{path} was written for another session, or at another time")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was changed after it was written, or not written under this node's key.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part.
        what: String,
    },
}

impl HibernationError {
    /// Wraps what the operating system said of `path` while `doing`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(Errno::raw_os_error);
            match source.raw_os_error() {
                Some(code) if full.contains(&code) => Self::Full { path },
                _ if source.kind() == io::ErrorKind::NotFound => Self::Missing { path },
                _ => Self::Io { doing, path, source },
            }
        }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// Whether no later try can succeed, because of the file itself.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Form { .. } | Self::Foreign { .. } | Self::Damaged { .. } => true,
            Self::File(error) => !matches!(error, PrivateError::Io { .. }),
            _ => false,
        }
    }
}
