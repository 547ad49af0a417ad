//! One key, and what it does.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use super::sealed::{NONCE_BYTES, Sealed};
use super::sealer::SealError;

/// Bytes of the name of a key.
pub(super) const ID_BYTES: usize = 8;
/// Bytes of a key.
pub(super) const SECRET_BYTES: usize = 32;

/// The name of a key. It is written on every state that the key seals, and no secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyId(pub(super) [u8; ID_BYTES]);

/// A key with its name and age. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: KeyId,
    /// When it was made, in milliseconds since 1970.
    pub(super) made_ms: u64,
    pub(super) secret: [u8; SECRET_BYTES],
}

impl Key {
    /// A new key of 256 random bits.
    pub(super) fn random(made_ms: u64) -> Result<Self, getrandom::Error> {
        let mut key = Self { id: KeyId([0; ID_BYTES]), made_ms, secret: [0; SECRET_BYTES] };
        getrandom::fill(&mut key.id.0)?;
        getrandom::fill(&mut key.secret)?;
        Ok(key)
    }

    /// Seals `plain` with a random nonce: 192 bits, so many that no count of messages has to be kept.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let aad = Sealed::aad(self.id);
        let payload = Payload { msg: plain, aad: &aad };
        let body = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::TooLong)?;
        Ok(Sealed { key: self.id, nonce, body })
    }

    /// What was sealed, if this key sealed it under its own name.
    pub(super) fn open(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        let aad = Sealed::aad(sealed.key);
        self.cipher().decrypt(&XNonce::from(sealed.nonce), Payload { msg: &sealed.body, aad: &aad }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.secret.into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("made_ms", &self.made_ms).finish_non_exhaustive()
    }
}
