//! Writing the [format](super::format), from the first byte of the state to the head.

use super::error::HibernationError;
use super::format::{Beginning, CHUNK, LEVEL, Label, Layout, MOST_HEAD, PREAMBLE, TAG, most_sealed};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, AeadInOut, Payload};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes one file. It holds one chunk, and what that becomes.
pub(super) struct Writer<F> {
    file: F,
    path: PathBuf,
    cipher: XChaCha20Poly1305,
    beginning: Beginning,
    /// What is not in a chunk yet.
    waiting: Vec<u8>,
    /// A chunk, compressed and then sealed: the same room for all.
    sealed: Vec<u8>,
    squeezer: zstd::bulk::Compressor<'static>,
    layout: Layout,
    limit: u64,
}

impl<F: Write + Seek> Writer<F> {
    /// Begins a file of at most `limit` bytes.
    pub(super) fn new(
        mut file: F,
        cipher: XChaCha20Poly1305,
        label: &Label,
        limit: u64,
        path: &Path,
    ) -> Result<Self, HibernationError> {
        // Without the preamble it is no such file: that is written last.
        file.write_all(&[0; PREAMBLE]).map_err(HibernationError::io("write", path))?;
        let layout = Layout { head_at: PREAMBLE as u64, head_bytes: 0, state_bytes: 0, chunks: 0 };
        let beginning = Beginning::new(label)?;
        let squeezer = zstd::bulk::Compressor::new(LEVEL).map_err(HibernationError::io("compress", path))?;
        let (path, waiting, sealed) = (path.to_owned(), Vec::new(), Vec::new());
        Ok(Self { file, path, cipher, beginning, waiting, sealed, squeezer, layout, limit })
    }

    /// Takes more of the state.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), HibernationError> {
        while !bytes.is_empty() {
            // Not before there is more: the last chunk is told apart.
            if self.waiting.len() == CHUNK {
                self.chunk(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes the last chunk.
    pub(super) fn end(mut self) -> Result<Headless<F>, HibernationError> {
        self.chunk(true)?;
        Ok(Headless(self))
    }

    fn finish(mut self, head: &[u8]) -> Result<(F, u64), HibernationError> {
        let most = || HibernationError::TooLarge { limit: MOST_HEAD as u64 };
        let plain = zstd::bulk::compress(head, LEVEL).map_err(HibernationError::io("compress", &self.path))?;
        let head_bytes = u32::try_from(plain.len() + TAG).ok().filter(|length| *length as usize <= MOST_HEAD);
        self.layout.head_bytes = head_bytes.filter(|_| head.len() <= MOST_HEAD).ok_or_else(most)?;
        let size = self.layout.head_at + u64::from(self.layout.head_bytes);
        self.check(size)?;
        let preamble = self.beginning.preamble(&self.layout);
        let sealed = self.cipher.encrypt(&self.beginning.head_nonce(), Payload { msg: &plain, aad: &preamble });
        let sealed = sealed.map_err(|_| most())?;
        let failed = HibernationError::io("write", &self.path);
        self.file.write_all(&sealed).map_err(&failed)?;
        self.file.seek(SeekFrom::Start(0)).map_err(&failed)?;
        self.file.write_all(&preamble).map_err(&failed)?;
        self.file.flush().map_err(&failed)?;
        drop(failed);
        Ok((self.file, size))
    }

    fn chunk(&mut self, is_last: bool) -> Result<(), HibernationError> {
        let failed = HibernationError::io("write", &self.path);
        self.sealed.clear();
        self.sealed.reserve(most_sealed());
        self.squeezer.compress_to_buffer(&self.waiting, &mut self.sealed).map_err(&failed)?;
        let aad = self.beginning.fixed();
        let nonce = self.beginning.nonce(self.layout.chunks, is_last);
        let sealed = self.cipher.encrypt_in_place(&nonce, &aad, &mut self.sealed);
        let (Ok(()), Some(chunks)) = (sealed, self.layout.chunks.checked_add(1)) else {
            return Err(HibernationError::TooLarge { limit: self.limit });
        };
        let length = u32::try_from(self.sealed.len()).unwrap_or(u32::MAX).to_le_bytes();
        let size = self.layout.head_at + (length.len() + self.sealed.len()) as u64;
        self.check(size)?;
        self.file.write_all(&length).and_then(|()| self.file.write_all(&self.sealed)).map_err(failed)?;
        self.layout.head_at = size;
        self.layout.state_bytes += self.waiting.len() as u64;
        self.layout.chunks = chunks;
        self.waiting.clear();
        Ok(())
    }

    fn check(&self, size: u64) -> Result<(), HibernationError> {
        if size > self.limit { Err(HibernationError::TooLarge { limit: self.limit }) } else { Ok(()) }
    }
}

/// A file that lacks nothing but its head.
#[derive(Debug)]
pub(super) struct Headless<F>(Writer<F>);

impl<F: Write + Seek> Headless<F> {
    pub(super) fn file(&self) -> &F {
        &self.0.file
    }

    /// Bytes of the file until now.
    pub(super) fn size(&self) -> u64 {
        self.0.layout.head_at
    }

    /// Writes the head and the preamble. The file is whole then; it is for the caller to sync it.
    pub(super) fn finish(self, head: &[u8]) -> Result<(F, u64), HibernationError> {
        self.0.finish(head)
    }
}

impl<F> std::fmt::Debug for Writer<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}
