//! Static API keys: 256 random bits, of which the node stores only the SHA-256.
//!
//! A plain hash is enough because the input is a full-entropy random value: there is no dictionary to
//! run against it, which is what argon2 and its like slow down.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

/// What every key starts with, so that secret scanners and people recognise a leaked one.
const PREFIX: &str = "sessile_";
/// Random bytes in a key.
const KEY_BYTES: usize = 32;

/// A key as the client holds it: `sessile_` and 64 hexadecimal digits. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Makes a new key of 256 bits from the operating system's random source.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut random = [0_u8; KEY_BYTES];
        getrandom::fill(&mut random)?;
        Ok(Self(Secret::new(format!("{PREFIX}{}", hex(&random)))))
    }

    /// The key itself, to be shown once to whoever will use it.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What the key file stores of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.reveal().as_bytes())
    }

    /// The line for the key file: `NAME sha256:HEX`.
    pub fn line(&self, name: &str) -> String {
        format!("{name} {}", self.digest())
    }
}

/// SHA-256 of a key. Compared in constant time; deliberately not `PartialEq`.
#[derive(Clone)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of what a client presented.
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Reads `sha256:` and 64 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut digest = [0_u8; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let text = std::str::from_utf8(pair).ok()?;
            // `from_str_radix` takes a sign, which no digest has.
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            *byte = u8::from_str_radix(text, 16).ok()?;
        }
        Some(Self(digest))
    }

    /// Whether both are of the same key, in time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(hidden)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
