//! Sealing and opening.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::key::Key;
use super::key_file::{KeyError, KeyFile};
use super::key_ring::KeyRing;
use super::sealed::{MAX_TEXT, Sealed};
use super::ticket::Ticket;

/// Seals tickets and opens what clients bring back. Clones share their keys.
#[derive(Clone, Debug)]
pub struct Sealer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Mutex<KeyRing>,
    /// Where the keys are kept; `None` if nowhere but here.
    file: Option<KeyFile>,
    /// Seals nothing. What cannot be opened is tried with it, for the work's sake.
    dummy: Key,
}

/// A text that is not a request state of ours, or no longer. There is nothing more to say to whoever sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the request state is none of this node's, or no longer; send the original request without it")]
pub struct Refused;

/// Why a ticket could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It would not fit into [`MAX_TEXT`]: the server's own request state is too long.
    #[error("the request state would be longer than {MAX_TEXT} bytes; the server's own state must be shorter")]
    TooLong,
    /// The operating system gave no randomness.
    #[error("no randomness to seal a request state: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Sealer {
    /// A sealer with the keys of the state directory. The directory and the keys are made if they are not there, and
    /// rotated if they are older than 24 hours.
    ///
    /// # Errors
    /// When directory or file cannot be used, are open to others, or hold something else.
    pub fn open_or_create(state_dir: &Path) -> Result<Self, KeyError> {
        Self::open_or_create_at(state_dir, now_ms())
    }

    pub(super) fn open_or_create_at(state_dir: &Path, now_ms: u64) -> Result<Self, KeyError> {
        let file = KeyFile::in_directory(state_dir)?;
        let keys = file.read_fresh(now_ms)?;
        Self::with(keys, Some(file))
    }

    /// A sealer with keys that nobody else has and that end with it, for a node without a state directory.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn ephemeral() -> Result<Self, KeyError> {
        Self::with(KeyRing::random(now_ms())?, None)
    }

    pub(super) fn with(keys: KeyRing, file: Option<KeyFile>) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(Inner { keys: Mutex::new(keys), file, dummy: Key::random(0)? })))
    }

    /// Seals `ticket` with the current key.
    ///
    /// # Errors
    /// When the text would be longer than [`MAX_TEXT`], or the operating system gives no randomness.
    pub fn seal(&self, ticket: &Ticket) -> Result<String, SealError> {
        let plain = ticket.encode().ok_or(SealError::TooLong)?;
        let key = self.keys().current.clone();
        Ok(key.seal(&plain)?.write())
    }

    /// Opens what a client sent. Expiry, principal and all else that the ticket says is for the caller to check.
    ///
    /// It reads the key file when it meets a key that it does not know: another process may have rotated. The work is
    /// nearly the same for whatever is refused; the module says to what extent.
    ///
    /// # Errors
    /// One and the same, whatever is wrong.
    pub fn open(&self, text: &str) -> Result<Ticket, Refused> {
        if text.len() > MAX_TEXT {
            return Err(Refused);
        }
        let known = Sealed::read(text).and_then(|sealed| Some((self.key_of(&sealed)?, sealed)));
        let is_known = known.is_some();
        let (key, sealed) = known.unwrap_or_else(|| (self.0.dummy.clone(), Sealed::dummy(text.len())));
        let plain = key.open(&sealed).filter(|_| is_known);
        plain.and_then(|plain| Ticket::decode(&plain)).ok_or(Refused)
    }

    /// Rotates the keys if the current one has sealed for 24 hours, and says whether another key seals now. To be called
    /// about once an hour, where blocking is allowed: it may wait for other processes and writes to the disk.
    ///
    /// A state can be opened until the second rotation after it was sealed, so for 24 hours less the time between two
    /// calls, at the least; a ticket should not expire later.
    ///
    /// # Errors
    /// When the keys cannot be read, written or made. The old ones go on sealing.
    pub fn rotate_if_due(&self, now_ms: u64) -> Result<bool, KeyError> {
        let mut keys = self.keys();
        if !keys.is_due(now_ms) {
            return Ok(false);
        }
        let Some(file) = &self.0.file else {
            *keys = keys.clone().next(now_ms)?;
            return Ok(true);
        };
        let before = keys.current.id;
        // Others seal and open while this one waits for the disk.
        drop(keys);
        let fresh = file.read_fresh(now_ms)?;
        let changed = fresh.current.id != before;
        *self.keys() = fresh;
        Ok(changed)
    }

    fn key_of(&self, sealed: &Sealed) -> Option<Key> {
        if let Some(key) = self.keys().find(sealed.key) {
            return Some(key.clone());
        }
        let fresh = self.0.file.as_ref()?.read().ok()??;
        let key = fresh.find(sealed.key).cloned()?;
        // If another thread rotated meanwhile, this puts back the ring before. That does no harm: its key that seals is
        // the second of the new ring, and the next unknown key or rotation brings the new ring back.
        *self.keys() = fresh;
        Some(key)
    }

    fn keys(&self) -> MutexGuard<'_, KeyRing> {
        // Rings are replaced whole, so that a panic elsewhere cannot have left half of one.
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
