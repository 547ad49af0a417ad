//! `sha256:…`, the only digest that names an image here.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::NotAnImage;

/// A SHA-256 digest. Displays as `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageDigest([u8; 32]);

const NOT_A_DIGEST: NotAnImage =
    NotAnImage("not a digest; write `sha256:` and 64 digits of 0-9 and a-f behind the `@`");

impl ImageDigest {
    /// The digest with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl FromStr for ImageDigest {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let hex = text.strip_prefix("sha256:").ok_or(NOT_A_DIGEST)?.as_bytes();
        let mut bytes = [0; 32];
        let (pairs, []) = hex.as_chunks::<2>() else { return Err(NOT_A_DIGEST) };
        if pairs.len() != bytes.len() {
            return Err(NOT_A_DIGEST);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(letter: u8) -> Result<u8, NotAnImage> {
    match letter {
        b'0'..=b'9' => Ok(letter - b'0'),
        b'a'..=b'f' => Ok(letter - b'a' + 10),
        _ => Err(NOT_A_DIGEST),
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
