//! A session that is being written.

use super::error::HibernationError;
use super::key::sync_directory;
use super::writer::Writer;
use std::fs::{self, File};
use std::path::PathBuf;

/// A file that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    writer: Option<Writer<File>>,
    path: PathBuf,
    becomes: PathBuf,
    directory: PathBuf,
}

impl Draft {
    pub(super) fn new(writer: Writer<File>, path: PathBuf, becomes: PathBuf, directory: PathBuf) -> Self {
        Self { writer: Some(writer), path, becomes, directory }
    }

    /// Takes more of the state of the sandbox.
    ///
    /// # Errors
    /// When it cannot be written, or there is too much of it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HibernationError> {
        match &mut self.writer {
            Some(writer) => writer.write(bytes),
            None => Err(HibernationError::Missing { path: self.path.clone() }),
        }
    }

    /// Writes the last of the state, keeps room for a head of `head` bytes, and makes sure that all of it is on the disk. Little can go
    /// wrong after this: whoever must not lose the sandbox keeps it until then.
    ///
    /// # Errors
    /// When it cannot be written, or there is too much of it.
    pub fn settle(&mut self, head: u64) -> Result<(), HibernationError> {
        match &mut self.writer {
            Some(writer) => writer.settle(head),
            None => Err(HibernationError::Missing { path: self.path.clone() }),
        }
    }

    /// Bytes that were written until now.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::size)
    }

    /// Writes `head`, what there is to be said of the session. When this returns, the file is whole, whatever happens; it tells how
    /// many bytes it has.
    ///
    /// # Errors
    /// When it cannot be written. Nothing is left of it then.
    pub fn commit(mut self, head: &[u8]) -> Result<u64, HibernationError> {
        let missing = || HibernationError::Missing { path: self.path.clone() };
        let (file, size) = self.writer.take().ok_or_else(missing)?.finish(head)?;
        // What was kept for a longer head is given back.
        file.set_len(size).and_then(|()| file.sync_all()).map_err(HibernationError::io("sync", &self.path))?;
        fs::rename(&self.path, &self.becomes).map_err(HibernationError::io("put in place", &self.becomes))?;
        sync_directory(&self.directory).inspect_err(|_| {
            let _ = fs::remove_file(&self.becomes);
        })?;
        Ok(size)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It has another name if it is whole.
        let _ = fs::remove_file(&self.path);
    }
}
