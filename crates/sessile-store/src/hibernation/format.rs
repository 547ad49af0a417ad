//! What is in the file of a hibernated session:
//!
//! | bytes | what |
//! | --- | --- |
//! | 96 | the preamble, in clear |
//! | … | the state of the sandbox, in chunks: a length (`u32`), and so many sealed bytes |
//! | … | the head, sealed: what the runtime says of the session |
//!
//! All numbers are little-endian. A chunk holds [`CHUNK`] bytes, the last one what is left (it may be none): compressed by itself (zstd), then sealed with
//! XChaCha20-Poly1305 as STREAM has it (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is a random prefix of 19 bytes, the
//! chunk's number, and whether it is the last. So chunks cannot be left out, added or exchanged. What is bound to each as associated
//! data is the first part of the preamble, with the digest of the session's [`Label`]; to the head, all of it.

use super::error::HibernationError;
use chacha20poly1305::XNonce;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Bytes of the state in one chunk.
pub const CHUNK: usize = 1 << 20;
/// The first bytes of every file.
const MAGIC: [u8; 8] = *b"SSLSLEEP";
/// What the rest looks like.
const VERSION: u32 = 1;
/// Bytes of the preamble, and of the part of it that is known from the beginning.
pub(super) const PREAMBLE: usize = 96;
pub(super) const FIXED: usize = 72;
/// Bytes of a nonce that all chunks of a file share.
const PREFIX: usize = 19;
/// Bytes that sealing adds.
pub(super) const TAG: usize = 16;
/// The most that a head may have, in bytes, before and after it is sealed.
pub(super) const MOST_HEAD: usize = 512 << 20;
/// How hard is tried to make it small.
pub(super) const LEVEL: i32 = 1;

/// Which session a file is of. It is written for this label, and can be read for no other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its public name.
    pub session: String,
    /// The server it runs.
    pub server: String,
    /// Who owns it: the public id of a principal.
    pub principal: String,
    /// Grows each time the session is written down.
    pub generation: u64,
}

impl Label {
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.session, &self.server, &self.principal] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(self.generation.to_le_bytes());
        hash.finalize().into()
    }
}

/// What is known of a file before its first chunk is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    label: [u8; 32],
    prefix: [u8; PREFIX],
}

/// Where everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the head begins, in the file.
    pub(super) head_at: u64,
    /// How long it is, sealed.
    pub(super) head_bytes: u32,
    /// Bytes of the state, as they were before.
    pub(super) state_bytes: u64,
    /// In so many chunks.
    pub(super) chunks: u32,
}

impl Beginning {
    pub(super) fn new(label: &Label) -> Result<Self, getrandom::Error> {
        let mut prefix = [0; PREFIX];
        getrandom::fill(&mut prefix)?;
        Ok(Self { label: label.digest(), prefix })
    }

    /// What is bound to every chunk.
    pub(super) fn fixed(&self) -> [u8; FIXED] {
        let mut out = [0; FIXED];
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX).to_le_bytes();
        let parts: [&[u8]; 5] = [&MAGIC, &VERSION.to_le_bytes(), &chunk, &self.label, &self.prefix];
        for (place, byte) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// The nonce of a chunk.
    pub(super) fn nonce(&self, number: u32, is_last: bool) -> XNonce {
        self.nonce_of(number, u8::from(is_last))
    }

    /// The nonce of the head, which no chunk has.
    pub(super) fn head_nonce(&self) -> XNonce {
        self.nonce_of(u32::MAX, 2)
    }

    fn nonce_of(&self, number: u32, kind: u8) -> XNonce {
        let mut nonce = [kind; 24];
        for (place, byte) in nonce.iter_mut().zip(self.prefix.iter().chain(&number.to_le_bytes())) {
            *place = *byte;
        }
        XNonce::from(nonce)
    }

    /// The whole preamble. All of it is bound to the head.
    pub(super) fn preamble(&self, layout: &Layout) -> [u8; PREAMBLE] {
        let mut out = [0; PREAMBLE];
        let (head_at, head_bytes) = (layout.head_at.to_le_bytes(), layout.head_bytes.to_le_bytes());
        let (state, chunks) = (layout.state_bytes.to_le_bytes(), layout.chunks.to_le_bytes());
        let fixed = self.fixed();
        let parts: [&[u8]; 5] = [&fixed, &head_at, &state, &chunks, &head_bytes];
        for (place, byte) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// Reads a preamble for `label`.
    pub(super) fn read(bytes: &[u8; PREAMBLE], label: &Label, path: &Path) -> Result<(Self, Layout), HibernationError> {
        let form = |what: &str| HibernationError::Form { path: path.to_owned(), what: what.to_owned() };
        let mut rest = &bytes[..];
        if take::<8>(&mut rest) != MAGIC {
            return Err(form("it begins with something else"));
        }
        let version = u32::from_le_bytes(take(&mut rest));
        if version != VERSION {
            return Err(form(&format!("it has form {version}, and this version reads form {VERSION}")));
        }
        if usize::try_from(u32::from_le_bytes(take(&mut rest))) != Ok(CHUNK) {
            return Err(form("its chunks have another size"));
        }
        let found: [u8; 32] = take(&mut rest);
        if found != label.digest() {
            return Err(HibernationError::Foreign { path: path.to_owned() });
        }
        let beginning = Self { label: found, prefix: take(&mut rest) };
        if take::<5>(&mut rest) != [0; 5] {
            return Err(form("it says what this version does not know"));
        }
        let (head_at, state_bytes) = (u64::from_le_bytes(take(&mut rest)), u64::from_le_bytes(take(&mut rest)));
        let (chunks, head_bytes) = (u32::from_le_bytes(take(&mut rest)), u32::from_le_bytes(take(&mut rest)));
        Ok((beginning, Layout { head_at, head_bytes, state_bytes, chunks }))
    }
}

/// The next bytes; zeros where there are no more.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    match bytes.split_first_chunk() {
        Some((first, rest)) => {
            *bytes = rest;
            *first
        }
        None => [0; N],
    }
}

/// The longest that a sealed chunk can be.
pub(super) fn most_sealed() -> usize {
    zstd::zstd_safe::compress_bound(CHUNK) + TAG
}
