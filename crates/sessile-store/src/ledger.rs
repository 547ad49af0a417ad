//! The ledger: one SQLite database in the state directory. This file opens it; what it holds has a file per table.
//!
//! It is in WAL mode with `synchronous = NORMAL`: what was written outlives the process, however it ends. A power cut may
//! take the last moments with it, and never damages the rest.

mod error;
mod migrations;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::lock::Lock;
use crate::{private, state_dir};

pub use error::LedgerError;

/// The file's name in the state directory.
const NAME: &str = "ledger.db";
/// How long a call waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node remembers beyond its own life. One connection behind one lock: calls are short.
#[derive(Debug)]
pub struct Ledger {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger of a state directory. Directory (mode 0700) and file (0600) are made if they are not there, and
    /// an older form of the ledger is brought up to date.
    ///
    /// # Errors
    /// When the directory or the file cannot be used or is open to others; when the file is damaged, or of a later form
    /// than this version knows.
    pub fn open(state_dir: &Path) -> Result<Self, LedgerError> {
        state_dir::prepare(state_dir)?;
        let path = state_dir.join(NAME);
        // SQLite does not wait for others, whatever the timeout, when it turns a new database to WAL mode.
        let _lock = Lock::take(&path.with_extension("db.lock"))?;
        // It would make it readable for others. Its companions (-wal, -shm) get the mode of the file.
        private::ensure_unopened(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        Self::with(connection.map_err(LedgerError::of(&path))?, path)
    }

    /// A ledger that ends with the process, for a node without a state directory.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from("(in memory)");
        Self::with(Connection::open_in_memory().map_err(LedgerError::of(&path))?, path)
    }

    fn with(mut connection: Connection, path: PathBuf) -> Result<Self, LedgerError> {
        configure(&connection).map_err(LedgerError::of(&path))?;
        migrations::run(&mut connection, &path)?;
        Ok(Self { connection: Mutex::new(connection), path })
    }

    /// Runs `work` on the connection, and says of an error where it was.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        work(&mut self.connection()).map_err(LedgerError::of(&self.path))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held has rolled back what was not committed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // After a checkpoint the log shrinks to this, in bytes, instead of keeping its greatest length.
    connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
    // In KiB. It is written far more than read, and should not grow with the sessions that it knows.
    connection.pragma_update(None, "cache_size", -256)?;
    // A damaged or forged file must not make SQLite do more than read rows.
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cell_size_check", "ON")
}
