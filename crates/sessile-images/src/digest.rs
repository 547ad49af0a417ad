//! Digests over what is read.

use std::io::{self, Read};

use sessile_manifest::ImageDigest;
use sha2::{Digest, Sha256};

/// The digest of these bytes.
pub(crate) fn of(bytes: &[u8]) -> ImageDigest {
    ImageDigest::new(Sha256::digest(bytes).into())
}

/// The digest and the length of all that a source gives.
pub(crate) fn of_source(mut source: impl Read) -> io::Result<(ImageDigest, u64)> {
    let mut hashing = Hashing::new(&mut source);
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(hashing.finish())
}

/// Passes bytes on and takes their digest.
pub(crate) struct Hashing<R> {
    source: R,
    hasher: Sha256,
    length: u64,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, hasher: Sha256::new(), length: 0 }
    }

    /// Of what was read so far.
    pub(crate) fn finish(self) -> (ImageDigest, u64) {
        (ImageDigest::new(self.hasher.finalize().into()), self.length)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.hasher.update(into.get(..read).unwrap_or_default());
        self.length += read as u64;
        Ok(read)
    }
}
