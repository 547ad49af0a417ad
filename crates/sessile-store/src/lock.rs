//! One process at a time: a lock file beside what it guards.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a lock is waited for. Who has it needs milliseconds.
const WAIT: Duration = Duration::from_secs(10);
/// How often it is tried.
const TRY: Duration = Duration::from_millis(5);

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file cannot be used.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has had it for too long.
    #[error("another process holds the lock {path}; end it, and start again")]
    Held {
        /// The lock file.
        path: PathBuf,
    },
}

/// A lock, held as long as this lives. The file stays: to delete it would let two processes hold two locks of one name.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock on `path`, which is a file for nothing else.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        Self::take_within(path, WAIT)
    }

    fn take_within(path: &Path, wait: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                    return Err(LockError::Held { path: path.to_owned() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(TRY),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_waited_for_within_bounds() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let held = Lock::take(&path).unwrap();
        let error = Lock::take_within(&path, Duration::from_millis(20)).expect_err("held");
        assert!(matches!(&error, LockError::Held { path: told } if *told == path), "{error}");
        drop(held);
        Lock::take_within(&path, Duration::ZERO).unwrap();
    }
}
