//! The keys on the disk: read by every node with this state directory, written by one at a time.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::{Key, KeyId};
use super::key_ring::KeyRing;
use crate::lock::{Lock, LockError};
use crate::private::{self, PrivateError};
use crate::state_dir::{self, StateDirError};

/// The file's name in the state directory.
const NAME: &str = "request-state.keys";
/// The first line: what this is, for people, and its form, for us.
const HEADER: &str = "# sessile: keys of request states, form 1; secret; delete to void all request states";
/// Largest file that is read, in bytes: several times what is ever written.
const MAX_BYTES: u64 = 1024;
/// Why there are no keys to seal with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The key file, or one that is written on the way to it, cannot be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// The key file holds something else. What it is, is not told: it may be a key.
    #[error("{path} holds no keys of request states that can be read; delete it, and new ones are made")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Another process is at the keys, or the lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The operating system gave no randomness.
    #[error("no randomness for keys of request states: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// Where the keys of a state directory are.
#[derive(Debug)]
pub(super) struct KeyFile {
    directory: PathBuf,
    path: PathBuf,
}

impl KeyFile {
    /// The key file of a state directory, which is made if need be; the file is not.
    pub(super) fn in_directory(directory: &Path) -> Result<Self, KeyError> {
        state_dir::prepare(directory)?;
        Ok(Self { directory: directory.to_owned(), path: directory.join(NAME) })
    }

    /// The keys; `None` where there is no file.
    pub(super) fn read(&self) -> Result<Option<KeyRing>, KeyError> {
        let Some(file) = private::open(&self.path)? else { return Ok(None) };
        let mut text = String::new();
        let malformed = || KeyError::Malformed { path: self.path.clone() };
        match file.take(MAX_BYTES).read_to_string(&mut text) {
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(malformed()),
            Err(error) => return Err(PrivateError::io("read", &self.path)(error).into()),
            Ok(_) => {}
        }
        parse(&text).map(Some).ok_or_else(malformed)
    }

    /// The keys, after what is due was done: made if there are none, rotated if they are old. Of several processes that
    /// do this at the same time one writes, and the others find what it wrote.
    pub(super) fn read_fresh(&self, now_ms: u64) -> Result<KeyRing, KeyError> {
        // A file of its own: the key file is replaced, and a lock on it would be one on a file that is no longer there.
        let _lock = Lock::take(&self.path.with_extension("keys.lock"))?;
        let fresh = match self.read()? {
            Some(ring) if !ring.is_due(now_ms) => return Ok(ring),
            Some(ring) => ring.next(now_ms)?,
            None => KeyRing::random(now_ms)?,
        };
        self.write(&fresh)?;
        Ok(fresh)
    }

    /// Replaces the file. After a crash at any point there is either the old one or the new one.
    fn write(&self, ring: &KeyRing) -> Result<(), KeyError> {
        let draft = self.path.with_extension("keys.new");
        // What a crash left; the lock is ours.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(PrivateError::io("remove", &draft)(error).into());
            }
            _ => {}
        }
        let mut file = private::create(&draft)?;
        file.write_all(format(ring).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(PrivateError::io("write", &draft))?;
        fs::rename(&draft, &self.path).map_err(PrivateError::io("replace", &self.path))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(PrivateError::io("sync", &self.directory))?;
        Ok(())
    }
}

/// One key per line, the one that seals first: id, milliseconds since 1970, key.
fn format(ring: &KeyRing) -> String {
    let mut text = format!("{HEADER}\n");
    for key in [Some(&ring.current), ring.previous.as_ref()].into_iter().flatten() {
        let id = URL_SAFE_NO_PAD.encode(key.id.0);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{id} {} {}", key.made_ms, URL_SAFE_NO_PAD.encode(key.secret));
    }
    text
}

fn parse(text: &str) -> Option<KeyRing> {
    // A file that was cut short may still have whole words; it has no line end.
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != HEADER {
        return None;
    }
    let current = parse_key(lines.next()?)?;
    let previous = match lines.next() {
        Some(line) => Some(parse_key(line)?),
        None => None,
    };
    let distinct = previous.as_ref().is_none_or(|previous| previous.id != current.id);
    (lines.next().is_none() && distinct).then_some(KeyRing { current, previous })
}

fn parse_key(line: &str) -> Option<Key> {
    let mut words = line.split(' ');
    let id = KeyId(bytes(words.next()?)?);
    let made_ms = words.next()?.parse().ok()?;
    let secret = bytes(words.next()?)?;
    words.next().is_none().then_some(Key { id, made_ms, secret })
}

fn bytes<const N: usize>(word: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(word).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
