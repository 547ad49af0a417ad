//! The images of a node.
//!
//! `images/KEY/` is one image, complete from the moment it has its name: `image.erofs`, `meta.json`, and `checked`, which
//! says how the file looked when its digest was last right, and by its own time when the image was last used.
//! `images/.staging/KEY/` is one that is being made; `images/.locks/KEY` the lock of whoever makes it.

mod build;
mod lock;
mod prune;
mod publish;
pub(crate) mod record;
mod stamp;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sessile_manifest::ImageDigest;
use tokio_util::sync::CancellationToken;

use crate::layer::Limits;
use crate::registry::Access;
use crate::{Image, ImageError, digest};
pub(crate) use build::WRITING;
pub use prune::{Keep, Pruned};
use record::Record;

/// The file system's name within an image's directory.
const IMAGE: &str = "image.erofs";

/// Images, built once for every session of every server of a node. Processes may share one store.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    limits: Limits,
    access: Access,
    stop: CancellationToken,
}

/// Whether a stored image is what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its file has not been touched since its digest was last right; with [`Store::list`]'s `verify`, its digest is right.
    Sound,
    /// It is something else, and what.
    Damaged(&'static str),
}

/// An image, for listings.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name in the store.
    pub key: String,
    /// The reference that it was built from, as written then.
    pub reference: String,
    /// What it was made from.
    pub digest: Option<ImageDigest>,
    /// Bytes of its file system.
    pub bytes: u64,
    /// When it was built.
    pub built_at: Option<SystemTime>,
    /// When it was last opened.
    pub used_at: Option<SystemTime>,
    /// Whether an [`Image`] of it lives, here or in another process.
    pub in_use: bool,
    /// Whether it is what was stored.
    pub state: State,
}

impl Store {
    /// The store below a node's state directory. Makes it if there is none, and removes what unfinished builds left there.
    ///
    /// # Errors
    /// [`ImageError::Store`] when the directory cannot be made.
    pub fn open(state_dir: impl AsRef<Path>) -> Result<Self, ImageError> {
        let root = state_dir.as_ref().join("images");
        for directory in [root.clone(), root.join(".staging"), root.join(".locks")] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
            made.map_err(ImageError::store("create", &directory))?;
        }
        let root = root.canonicalize().map_err(ImageError::store("find", &root))?;
        let store =
            Self { root, limits: Limits::default(), access: Access::of_process(), stop: CancellationToken::new() };
        store.sweep();
        Ok(store)
    }

    /// Allows images to cost this much, instead of the defaults.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Pulls with these credentials and this patience, instead of those of this process.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Builds end when this is cancelled, and leave nothing: [`build`](Self::build) then gives
    /// [`ImageError::Cancelled`] once all is cleaned up.
    #[must_use]
    pub fn with_stop(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// The image of this key, if it is there. Its file is looked at; only where it changed its digest is taken.
    ///
    /// # Errors
    /// [`ImageError::Damaged`] when the file is not what was stored.
    pub fn get(&self, key: &str) -> Result<Option<Image>, ImageError> {
        let directory = self.root.join(key);
        let path = directory.join(IMAGE);
        let Some((file, record)) = self.locked(key)? else { return Ok(None) };
        let damaged = |reason| ImageError::Damaged { path: path.clone(), reason };
        let Some(record) = record else { return Err(damaged("its record cannot be read")) };
        if !stamp::fits(&directory, &file) {
            check(&file, &record).map_err(damaged)?;
            // A store on a read-only file system is checked each time.
            let _ = stamp::write(&directory, &file);
        }
        stamp::touch(&directory);
        Ok(Some(Image::new(path, key.to_owned(), record, file)))
    }

    /// What is stored, by reference and time. With `verify`, every file is read and its digest taken.
    ///
    /// # Errors
    /// [`ImageError::Store`] when the store cannot be read.
    pub fn list(&self, verify: bool) -> Result<Vec<Stored>, ImageError> {
        let mut stored = Vec::new();
        for key in self.keys()? {
            let directory = self.root.join(&key);
            let Some((file, record)) = self.opened(&key) else { continue };
            let in_use = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
            // Held no longer than it took to ask: who opens an image waits for it.
            let _ = file.unlock();
            let state = match &record {
                None => State::Damaged("its record cannot be read"),
                Some(record) if verify || !stamp::fits(&directory, &file) => match check(&file, record) {
                    Ok(()) => State::Sound,
                    Err(reason) => State::Damaged(reason),
                },
                Some(_) => State::Sound,
            };
            stored.push(Stored {
                reference: record.as_ref().map_or_else(String::new, |record| record.reference.clone()),
                digest: record.as_ref().map(|record| record.digest),
                bytes: file.metadata().map_or(0, |metadata| metadata.len()),
                built_at: record.as_ref().map(Record::built_at),
                used_at: stamp::used_at(&directory),
                in_use,
                state,
                key,
            });
        }
        stored.sort_by(|one, other| {
            (&one.reference, one.built_at, &one.key).cmp(&(&other.reference, other.built_at, &other.key))
        });
        Ok(stored)
    }

    /// Removes what builds left that never finished, and gives their number. Those that are being made are let be.
    pub fn sweep(&self) -> usize {
        let entries = fs::read_dir(self.root.join(".staging")).into_iter().flatten().flatten();
        let stale = entries.filter(|entry| {
            let name = entry.file_name();
            let lock = name.to_str().and_then(|name| lock::Lock::try_take(&self.root, name).ok().flatten());
            lock.is_some_and(|_lock| publish::remove(&entry.path()).is_ok())
        });
        stale.count()
    }

    /// The keys of all images, damaged ones too.
    fn keys(&self) -> Result<Vec<String>, ImageError> {
        let fail = || ImageError::store("read", &self.root);
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(fail())? {
            let name = entry.map_err(fail())?.file_name().into_string().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('.') {
                keys.push(name);
            }
        }
        Ok(keys)
    }

    /// The file and record of an image, without a lock.
    fn opened(&self, key: &str) -> Option<(File, Option<Record>)> {
        if key.is_empty() || key.starts_with('.') || key.contains('/') {
            return None;
        }
        let directory = self.root.join(key);
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(nofollow).open(directory.join(IMAGE)).ok()?;
        Some((file, Record::read(&directory)))
    }

    /// The same, with a shared lock. What is removed while it waits for the lock is not there.
    fn locked(&self, key: &str) -> Result<Option<(File, Option<Record>)>, ImageError> {
        let path = self.root.join(key).join(IMAGE);
        let Some((file, _)) = self.opened(key) else { return Ok(None) };
        file.lock_shared().map_err(ImageError::store("lock", &path))?;
        if !lock::is_at(&file, &path) {
            return Ok(None);
        }
        Ok(Some((file, Record::read(&self.root.join(key)))))
    }
}

/// Whether a file has the digest that it was stored with.
fn check(file: &File, record: &Record) -> Result<(), &'static str> {
    let read = |mut file: &File| {
        io::Seek::rewind(&mut file)?;
        digest::of_source(file)
    };
    match read(file) {
        Ok((_, bytes)) if bytes != record.bytes => Err("its length is not what it was"),
        Ok((digest, _)) if digest != record.image => Err("its content is not what it was"),
        Ok(_) => Ok(()),
        Err(_) => Err("it cannot be read"),
    }
}

#[cfg(test)]
mod tests;
