//! What can be wrong with a ledger, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::lock::LockError;
use crate::private::PrivateError;
use crate::state_dir::StateDirError;

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The file cannot be used, or is open to others.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Another process is opening it, or the lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file is no database, or a broken one.
    #[error(
        "the ledger {path} is damaged ({source}); move it and the files {path}-wal and {path}-shm away, and a new one is made: the tasks in it are lost"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A later version of the program has written it.
    #[error(
        "the ledger {path} has form {found}, and this version knows forms up to {known}; run the version that wrote it, or move the file away"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form that is known here.
        known: i64,
    },
    /// Another process has been writing for longer than is waited.
    #[error("the ledger {path} is in use by another process; end it, or give each node a state directory of its own")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No room on the disk.
    #[error("no room to write the ledger {path}; free some space on its disk")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("the ledger {path} failed: {source}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl LedgerError {
    /// What an error of SQLite means for the file at `path`.
    pub(crate) fn of(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, source },
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
                Some(ErrorCode::DiskFull) => Self::Full { path },
                _ if is_unreadable(&source) => Self::Damaged { path, source },
                _ => Self::Failed { path, source },
            }
        }
    }
}

/// Whether a column holds what the schema does not allow.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}
