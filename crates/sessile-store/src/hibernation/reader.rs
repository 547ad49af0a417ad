//! Reading the [format](super::format). The file may be anybody's: nothing of it is used before its seal has been checked, and nothing
//! is allocated by a length that it names beyond what the format allows.

use super::error::HibernationError;
use super::format::{Beginning, CHUNK, Label, Layout, MOST_HEAD, PREAMBLE, TAG, most_sealed};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, AeadInOut, Payload};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads one file.
pub(super) struct Reader<F> {
    file: F,
    path: PathBuf,
    cipher: XChaCha20Poly1305,
    beginning: Beginning,
    layout: Layout,
    head: Vec<u8>,
    /// A part, sealed and then open, and expanded.
    sealed: Vec<u8>,
    plain: Vec<u8>,
    expander: zstd::bulk::Decompressor<'static>,
    /// Where the next chunk begins, in the file, which it is, and how much of the state came before it.
    at: u64,
    number: u32,
    given: u64,
}

impl<F: Read + Seek> Reader<F> {
    /// Opens a file that is to be `label`'s: preamble and head are checked.
    pub(super) fn open(
        mut file: F,
        cipher: XChaCha20Poly1305,
        label: &Label,
        path: &Path,
    ) -> Result<Self, HibernationError> {
        let failed = HibernationError::io("read", path);
        let damaged = |what: &str| HibernationError::damaged(path, what);
        let mut preamble = [0; PREAMBLE];
        file.read_exact(&mut preamble).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => damaged("it is shorter than its preamble"),
            _ => failed(error),
        })?;
        let (beginning, layout) = Beginning::read(&preamble, label, path)?;
        let size = file.seek(SeekFrom::End(0)).map_err(&failed)?;
        let ends_at = layout.head_at.checked_add(u64::from(layout.head_bytes));
        let length = usize::try_from(layout.head_bytes).unwrap_or(usize::MAX);
        if ends_at != Some(size) || layout.head_at < PREAMBLE as u64 || !(TAG..=MOST_HEAD).contains(&length) {
            return Err(damaged("it does not have the length that its preamble says"));
        }
        file.seek(SeekFrom::Start(layout.head_at)).map_err(&failed)?;
        // No longer than the file is.
        let mut sealed = vec![0; length];
        file.read_exact(&mut sealed).map_err(&failed)?;
        let opened = cipher.decrypt(&beginning.head_nonce(), Payload { msg: &sealed, aad: &preamble });
        let opened = opened.map_err(|_| damaged("its head was changed, or it was sealed under another key"))?;
        let head = expand(&opened, MOST_HEAD).ok_or_else(|| damaged("its head cannot be expanded"))?;
        let at = PREAMBLE as u64;
        drop(failed);
        file.seek(SeekFrom::Start(at)).map_err(HibernationError::io("read", path))?;
        let expander = zstd::bulk::Decompressor::new().map_err(HibernationError::io("expand", path))?;
        let (path, sealed, plain) = (path.to_owned(), Vec::new(), Vec::new());
        Ok(Self { file, path, cipher, beginning, layout, head, sealed, plain, expander, at, number: 0, given: 0 })
    }

    /// What the runtime said of the session; once.
    pub(super) fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head)
    }

    /// The next part of the state, [`CHUNK`] bytes at the most; `None` when all was given out, and was all there was.
    pub(super) fn next_chunk(&mut self) -> Result<Option<&[u8]>, HibernationError> {
        let number = self.number;
        let damaged = |what: &str| HibernationError::damaged(&self.path, format!("part {number} of its state {what}"));
        if number == self.layout.chunks {
            let is_all = self.at == self.layout.head_at && self.given == self.layout.state_bytes && number > 0;
            return if is_all { Ok(None) } else { Err(damaged("is not where it should be")) };
        }
        let mut length = [0; 4];
        let left = self.layout.head_at.saturating_sub(self.at);
        if left < 4 {
            return Err(damaged("is missing"));
        }
        let failed = HibernationError::io("read", &self.path);
        self.file.read_exact(&mut length).map_err(&failed)?;
        let length = u32::from_le_bytes(length);
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if u64::from(length) > left - 4 || !(TAG..=most_sealed()).contains(&bytes) {
            return Err(damaged("has a length that it cannot have"));
        }
        // The same room for all parts: to have it made anew takes as long as to fill it.
        self.sealed.resize(bytes, 0);
        self.file.read_exact(&mut self.sealed).map_err(&failed)?;
        let is_last = number + 1 == self.layout.chunks;
        let (nonce, aad) = (self.beginning.nonce(number, is_last), self.beginning.fixed());
        let opened = self.cipher.decrypt_in_place(&nonce, &aad, &mut self.sealed);
        opened.map_err(|_| damaged("was changed"))?;
        self.plain.clear();
        let expanded = length_of(&self.sealed, CHUNK).is_some_and(|length| {
            self.plain.reserve(CHUNK);
            self.expander.decompress_to_buffer(&self.sealed, &mut self.plain).is_ok_and(|given| given == length)
        });
        if !expanded {
            return Err(damaged("cannot be expanded"));
        }
        self.at += 4 + u64::from(length);
        self.number += 1;
        self.given += self.plain.len() as u64;
        Ok(Some(&self.plain))
    }
}

/// How long what was compressed by this node is when it is expanded, if that is no more than `most` bytes.
fn length_of(bytes: &[u8], most: usize) -> Option<usize> {
    let length = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten()?;
    usize::try_from(length).ok().filter(|length| *length <= most)
}

/// Expands what was sealed by this node, to `most` bytes at the most.
fn expand(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let length = length_of(bytes, most)?;
    zstd::bulk::decompress(bytes, length).ok().filter(|plain| plain.len() == length)
}

impl<F> std::fmt::Debug for Reader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}
