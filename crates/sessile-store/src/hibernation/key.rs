//! The key that hibernated sessions are sealed under: made once for a state directory, and kept, as a session may sleep for long.
//! (The keys of request states are exchanged every day.)

use super::error::HibernationError;
use crate::lock::Lock;
use crate::private::{self, PrivateError};
use crate::state_dir;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// The file's name in the state directory.
const NAME: &str = "hibernation.key";
/// The first line: what this is, for people, and its form, for us.
const HEADER: &str = "# sessile: key of hibernated sessions, form 1; secret; delete to make them all unreadable";
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024;
/// Bytes of a nonce.
const NONCE: usize = 24;
/// What is bound to what [`Key::seal`] seals, so that it is nothing else that this key sealed.
const SMALL: &[u8] = b"sessile: who a hibernated session is";

/// The key. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The key of a state directory, made if there is none.
    pub(super) fn open_or_make(state_dir: &Path) -> Result<Self, HibernationError> {
        state_dir::prepare(state_dir)?;
        let path = state_dir.join(NAME);
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let _lock = Lock::take(&path.with_extension("key.lock"))?;
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0)?;
        let draft = path.with_extension("key.new");
        // What a crash left; the lock is ours.
        let _ = fs::remove_file(&draft);
        let mut file = private::create(&draft)?;
        let text = format!("{HEADER}\n{}\n", URL_SAFE_NO_PAD.encode(key.0));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(HibernationError::io("write", &draft))?;
        fs::rename(&draft, &path).map_err(HibernationError::io("make", &path))?;
        sync_directory(state_dir)?;
        Ok(key)
    }

    /// A key that everybody knows, for fuzzing.
    pub(super) fn of_zeros() -> Self {
        Self([0; 32])
    }

    pub(super) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }

    /// Seals a few bytes, with a random nonce before them.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, HibernationError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: SMALL });
        // It fails for more bytes than there are in any memory.
        Ok([&nonce[..], &sealed.unwrap_or_default()].concat())
    }

    /// What [`seal`](Self::seal) sealed.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: SMALL }).ok()
    }
}

fn read(path: &Path) -> Result<Option<Key>, HibernationError> {
    let Some(file) = private::open(path)? else { return Ok(None) };
    let mut text = String::new();
    let malformed = || HibernationError::Key { path: path.to_owned() };
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(malformed()),
        Err(error) => return Err(PrivateError::io("read", path)(error).into()),
        Ok(_) => {}
    }
    let word = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')?.strip_suffix('\n'));
    let bytes = word.and_then(|word| URL_SAFE_NO_PAD.decode(word).ok()?.try_into().ok());
    bytes.map(|bytes| Some(Key(bytes))).ok_or_else(malformed)
}

/// Makes sure that what a directory lists is on the disk.
pub(super) fn sync_directory(path: &Path) -> Result<(), HibernationError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(HibernationError::io("sync", path))
}
