//! A session that is being written.

use super::error::HibernationError;
use super::key::sync_directory;
use super::writer::{Headless, Writer};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Bytes that are kept free on the disk for what is said of a session, before there is no way back for it. Longer heads take their chance.
const ROOM: u64 = 256 * 1024;

/// Where a file is while it is written, and where it is to be. Dropping it removes what has not become whole.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    becomes: PathBuf,
    beside: PathBuf,
    directory: PathBuf,
    is_whole: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = (fs::remove_file(&self.path), fs::remove_dir_all(&self.beside));
        }
    }
}

/// A file into which the state of a sandbox is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    writer: Writer<File>,
    place: Place,
}

impl Draft {
    pub(super) fn new(
        writer: Writer<File>,
        path: PathBuf,
        becomes: PathBuf,
        beside: PathBuf,
        directory: PathBuf,
    ) -> Self {
        Self { writer, place: Place { path, becomes, beside, directory, is_whole: false } }
    }

    /// Where a directory may be made for what the sandbox needs beside its state. It is kept as long as the file is.
    #[must_use]
    pub fn beside(&self) -> &Path {
        &self.place.beside
    }

    /// Takes more of the state of the sandbox.
    ///
    /// # Errors
    /// When it cannot be written, or there is too much of it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HibernationError> {
        self.writer.write(bytes)
    }

    /// The state is whole: puts it on the disk, and sees that there is room for what is to be said of the session. Until this is done the
    /// sandbox must be able to go on.
    ///
    /// # Errors
    /// When it cannot be written, or there is too much of it. Nothing is left of it then.
    pub fn settle(self) -> Result<Settled, HibernationError> {
        let Self { writer, place } = self;
        let file = writer.end()?;
        reserve(file.file(), file.size(), &place.path)?;
        file.file().sync_data().map_err(HibernationError::io("sync", &place.path))?;
        Ok(Settled { file, place })
    }
}

/// A file with the whole state of a sandbox, on the disk. Dropping it removes it.
#[derive(Debug)]
pub struct Settled {
    file: Headless<File>,
    place: Place,
}

impl Settled {
    /// Bytes of the state.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.size()
    }

    /// Writes `head`, what there is to be said of the session. When this returns, the file is whole, whatever happens; it tells how
    /// many bytes it has.
    ///
    /// # Errors
    /// When it cannot be written. Nothing is left of it then.
    pub fn commit(self, head: &[u8]) -> Result<u64, HibernationError> {
        let Self { file, mut place } = self;
        let (file, size) = file.finish(head)?;
        // Gives back what was kept free.
        file.set_len(size).map_err(HibernationError::io("cut", &place.path))?;
        file.sync_all().map_err(HibernationError::io("sync", &place.path))?;
        fs::rename(&place.path, &place.becomes).map_err(HibernationError::io("put in place", &place.becomes))?;
        sync_directory(&place.directory).inspect_err(|_| {
            let _ = fs::remove_file(&place.becomes);
        })?;
        place.is_whole = true;
        Ok(size)
    }
}

/// Keeps [`ROOM`] behind `from` free for this file, without making it longer (fallocate(2)). File systems that cannot promise that are taken
/// as they are.
fn reserve(file: &File, from: u64, path: &Path) -> Result<(), HibernationError> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, from, ROOM) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(HibernationError::io("keep room in", path)(error.into())),
    }
}
