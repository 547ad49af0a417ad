//! Reads a directory: its tree, and the digest over it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use sessile_manifest::ImageDigest;
use sha2::{Digest, Sha256};

use super::{Files, Scan, open_below};
use crate::layer::Limits;
use crate::progress::{Meter, Watch};
use crate::{ImageError, digest};
use sessile_erofs::{Content, Kind, Meta, Tree};

/// The names of left out files that are told.
const MOST_NOTES: usize = 20;

/// Reads the directory at `path`.
pub(crate) fn scan(path: &Path, limits: &Limits, watch: &Watch) -> Result<Scan, ImageError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::open(path, flags, Mode::empty()).and_then(|root| Ok((rustix::fs::fstat(&root)?, root)));
    let (top, root) = open.map_err(|error| ImageError::source(&watch.image, path)(error.into()))?;
    let mut scanner = Scanner {
        watch,
        meter: watch.meter("reading the directory", None),
        path,
        root,
        top,
        tree: Tree::new(limits.entries),
        hasher: Sha256::new_with_prefix(b"sessile-directory 1\n"),
        found: Vec::new(),
        looks: Vec::new(),
        linked: HashMap::new(),
        bytes: 0,
        limits,
        notes: Vec::new(),
        skipped: 0,
    };
    scanner.directory(&[], &top)?;
    scanner.look_again()?;
    let unnamed = scanner.skipped.saturating_sub(scanner.notes.len());
    if unnamed > 0 {
        scanner.notes.push(format!("and {unnamed} more"));
    }
    let digest = ImageDigest::new(scanner.hasher.finalize().into());
    let files = Files { root: scanner.root, root_path: path.to_path_buf(), found: scanner.found };
    Ok(Scan { tree: scanner.tree, digest, files, notes: scanner.notes })
}

struct Scanner<'a> {
    watch: &'a Watch,
    meter: Meter,
    path: &'a Path,
    root: OwnedFd,
    top: Stat,
    tree: Tree,
    hasher: Sha256,
    found: Vec<(Vec<u8>, ImageDigest)>,
    /// How everything looked that was read.
    looks: Vec<(Vec<u8>, Look)>,
    /// The first path of files with several, by device and inode.
    linked: HashMap<(u64, u64), Vec<u8>>,
    bytes: u64,
    limits: &'a Limits,
    notes: Vec<String>,
    skipped: usize,
}

impl Scanner<'_> {
    fn directory(&mut self, path: &[u8], seen: &Stat) -> Result<(), ImageError> {
        self.add(path, seen, b'd', &[], Kind::directory())?;
        let directory = open_below(&self.root, path, OFlags::DIRECTORY).map_err(|error| self.unread(path, error))?;
        let before = self.stat(path, &directory)?;
        if !is_same(seen, &before) {
            return Err(self.changed(path));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(|error| self.unread(path, error.into()))? {
            let entry = entry.map_err(|error| self.unread(path, error.into()))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
            if names.len() > self.limits.entries {
                return Err(ImageError::unfit(
                    &self.watch.image,
                    format!("it has more than {} entries", self.limits.entries),
                ));
            }
        }
        names.sort_unstable();
        for name in names {
            let below = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
            let stat = rustix::fs::statat(&directory, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|error| self.vanished(&below, error.into()))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.directory(&below, &stat)?,
                FileType::RegularFile => self.file(&below, &stat)?,
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(&directory, name.as_slice(), Vec::new());
                    let target = target.map_err(|error| self.vanished(&below, error.into()))?.into_bytes();
                    self.add(&below, &stat, b'l', &target, Kind::Symlink(target.clone().into()))?;
                }
                _ => self.skip(&below),
            }
        }
        Ok(())
    }

    /// Everything still looks as it did when it was read: so between the first and this pass, all of it was there at once.
    fn look_again(&self) -> Result<(), ImageError> {
        for (path, look) in &self.looks {
            let now = match path.as_slice() {
                b"" => rustix::fs::fstat(&self.root),
                path => rustix::fs::statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW),
            };
            if now.map(|now| Look::of(&now)) != Ok(*look) {
                return Err(self.changed(path));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &[u8], seen: &Stat) -> Result<(), ImageError> {
        let inode = (seen.st_dev, seen.st_ino);
        if let Some(first) = self.linked.get(&inode).filter(|_| seen.st_nlink > 1) {
            let first = first.clone();
            self.record(path, seen, b'h', &first);
            return self.tree.link(path, &first, 0).map_err(|error| self.unfit(error));
        }
        let file = open_below(&self.root, path, OFlags::empty()).map_err(|error| self.vanished(path, error))?;
        if !is_same(seen, &self.stat(path, &file)?) {
            return Err(self.changed(path));
        }
        let file = File::from(file);
        let length = u64::try_from(seen.st_size).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.limits.unpacked {
            return Err(ImageError::unfit(
                &self.watch.image,
                format!("it has more than {} bytes", self.limits.unpacked),
            ));
        }
        let read = digest::of_source(self.meter.reading(&file));
        let (digest, read) = read.map_err(|error| self.unread(path, error))?;
        if read != length || !is_same(seen, &self.stat(path, &file.into())?) {
            return Err(self.changed(path));
        }
        let content = Content { at: self.found.len() as u64, length };
        self.found.push((path.to_vec(), digest));
        if seen.st_nlink > 1 {
            self.linked.insert(inode, path.to_vec());
        }
        self.add(path, seen, b'f', digest.bytes(), Kind::File(content))
    }

    fn add(&mut self, path: &[u8], stat: &Stat, kind: u8, what: &[u8], node: Kind) -> Result<(), ImageError> {
        let meta = self.record(path, stat, kind, what);
        let path = if path.is_empty() { b".".as_slice() } else { path };
        self.tree.add_plain(path, meta, node).map_err(|error| self.unfit(error))
    }

    /// Takes an entry into the digest, each part with its length in front, so that no two trees read the same.
    fn record(&mut self, path: &[u8], stat: &Stat, kind: u8, what: &[u8]) -> Meta {
        let meta = self.meta(stat, kind);
        self.looks.push((path.to_vec(), Look::of(stat)));
        self.hasher.update([kind]);
        for part in [path, what] {
            self.hasher.update((part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
        self.hasher.update(meta.mode.to_le_bytes());
        self.hasher.update(meta.uid.to_le_bytes());
        self.hasher.update(meta.gid.to_le_bytes());
        self.hasher.update(meta.mtime.to_le_bytes());
        meta
    }

    /// Who owns the directory owns the image: without root on the host, there is no other way to have root's files in it.
    fn meta(&self, stat: &Stat, kind: u8) -> Meta {
        let mode = match kind {
            b'l' => 0o777,
            b'd' => Meta::permissions(stat.st_mode),
            _ => Meta::permissions(stat.st_mode) & 0o777,
        };
        Meta {
            mode,
            uid: if stat.st_uid == self.top.st_uid { 0 } else { stat.st_uid },
            gid: if stat.st_gid == self.top.st_gid { 0 } else { stat.st_gid },
            mtime: u64::try_from(stat.st_mtime).unwrap_or_default(),
        }
    }

    fn skip(&mut self, path: &[u8]) {
        self.skipped += 1;
        if self.notes.len() < MOST_NOTES {
            let path = String::from_utf8_lossy(path);
            self.notes.push(format!("left out {path:?}, a device, pipe or socket"));
        }
    }

    fn stat(&self, path: &[u8], file: &OwnedFd) -> Result<Stat, ImageError> {
        rustix::fs::fstat(file).map_err(|error| self.unread(path, error.into()))
    }

    fn whole(&self, path: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(path))
    }

    fn unread(&self, path: &[u8], error: io::Error) -> ImageError {
        ImageError::source(&self.watch.image, &self.whole(path))(error)
    }

    fn unfit(&self, error: sessile_erofs::TreeError) -> ImageError {
        ImageError::unfit(&self.watch.image, error.to_string())
    }

    fn changed(&self, path: &[u8]) -> ImageError {
        ImageError::Changed { image: self.watch.image.to_string(), path: self.whole(path) }
    }

    /// What was listed and is not there, or is something else, has changed.
    fn vanished(&self, path: &[u8], error: io::Error) -> ImageError {
        match rustix::io::Errno::from_io_error(&error) {
            Some(
                rustix::io::Errno::NOENT
                | rustix::io::Errno::LOOP
                | rustix::io::Errno::INVAL
                | rustix::io::Errno::NOTDIR,
            ) => self.changed(path),
            _ => self.unread(path, error),
        }
    }
}

/// What changes when a file does: writing, renaming and linking all set the time of the change of state, which no program
/// can set.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    file: (u64, u64),
    mode: u32,
    size: i64,
    written: (i64, u64),
    changed: (i64, u64),
}

impl Look {
    fn of(stat: &Stat) -> Self {
        Self {
            file: (stat.st_dev, stat.st_ino),
            mode: stat.st_mode,
            size: stat.st_size,
            written: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    Look::of(one) == Look::of(other)
}
