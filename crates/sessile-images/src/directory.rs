//! A directory of the host as an image: a digest over all of it, so that nothing is built while nothing changes.
//!
//! What is read is what is built: each file's digest is taken with the tree's, and compared when the file is copied. A
//! directory that changes in between is read again, and refused if it does not come to rest.

mod scan;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use sessile_manifest::ImageDigest;

use crate::ImageError;
use crate::digest::Hashing;
use crate::progress::{Meter, Watch, Watched};
pub(crate) use scan::scan;
use sessile_erofs::{Content, Contents, Tree};

/// A directory that was read.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) tree: Tree,
    /// Over paths, modes, owners, times, targets and contents.
    pub(crate) digest: ImageDigest,
    pub(crate) files: Files,
    /// What was left out.
    pub(crate) notes: Vec<String>,
}

/// The files of a directory, by their place in the list.
#[derive(Debug)]
pub(crate) struct Files {
    root: OwnedFd,
    root_path: PathBuf,
    found: Vec<(Vec<u8>, ImageDigest)>,
}

/// Opens what lies below `root`, and nothing else: no link is followed, whoever puts one there meanwhile.
fn open_below(root: &OwnedFd, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b".".as_slice() } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)?)
}

/// The files, to be copied in one build.
pub(crate) struct Copying<'a> {
    pub(crate) files: &'a Files,
    pub(crate) watch: &'a Watch,
    pub(crate) meter: Meter,
}

impl Contents for Copying<'_> {
    fn open(&mut self, content: Content) -> io::Result<Box<dyn Read + '_>> {
        let found = usize::try_from(content.at).ok().and_then(|index| self.files.found.get(index));
        let (path, digest) = found.ok_or(io::ErrorKind::NotFound)?;
        let shown = self.files.root_path.join(OsStr::from_bytes(path));
        let changed =
            || io::Error::other(ImageError::Changed { image: self.watch.image.to_string(), path: shown.clone() });
        let file = open_below(&self.files.root, path, OFlags::empty()).map_err(|_| changed())?;
        let source = Hashing::new(self.meter.reading(File::from(file)));
        Ok(Box::new(Checked { source: Some(source), digest: *digest, left: content.length, changed: Some(changed()) }))
    }
}

/// A file that must still be what it was: its last byte is given only with the right digest.
struct Checked {
    source: Option<Hashing<Watched<File>>>,
    digest: ImageDigest,
    left: u64,
    changed: Option<io::Error>,
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(source) = &mut self.source else { return Ok(0) };
        let read = source.read(into)? as u64;
        let is_longer = read > self.left;
        self.left = self.left.saturating_sub(read);
        if is_longer || (read == 0 && self.left > 0) {
            return Err(self.changed());
        }
        if self.left == 0 && self.source.take().is_some_and(|source| source.finish().0 != self.digest) {
            return Err(self.changed());
        }
        // Came from a length of memory.
        Ok(usize::try_from(read).unwrap_or_default())
    }
}

impl Checked {
    fn changed(&mut self) -> io::Error {
        self.changed.take().unwrap_or_else(|| io::Error::other("it changed"))
    }
}

#[cfg(test)]
mod tests;
