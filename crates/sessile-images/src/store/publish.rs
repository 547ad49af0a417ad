//! From a staging directory to an image, all at once.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::record::Record;
use super::{IMAGE, stamp};
use crate::ImageError;

/// A place to build in, under the lock of its key. Goes with all that is in it, unless it is published.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    _lock: Lock,
}

impl Staging {
    /// An empty place; what a crash left there goes.
    pub(super) fn new(root: &Path, key: &str, lock: Lock) -> Result<Self, ImageError> {
        let staging = Self { path: root.join(".staging").join(key), _lock: lock };
        remove(&staging.path).map_err(ImageError::store("remove", &staging.path))?;
        for directory in [staging.work(), staging.image()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
            made.map_err(ImageError::store("create", &directory))?;
        }
        Ok(staging)
    }

    /// For what is needed while building.
    pub(super) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// What will be the image's directory.
    pub(super) fn image(&self) -> PathBuf {
        self.path.join("image")
    }

    /// Writes the record, has everything reach the disk, and gives the directory its name. After a crash at any point
    /// there is either the whole image under that name, or none.
    pub(super) fn publish(self, root: &Path, key: &str, record: &Record) -> Result<(), ImageError> {
        let (from, to) = (self.image(), root.join(key));
        let file = File::open(from.join(IMAGE)).map_err(ImageError::store("open", &from))?;
        let written = file
            .set_permissions(Permissions::from_mode(0o444))
            .and_then(|()| file.sync_all())
            .and_then(|()| record.write(&from))
            .and_then(|()| stamp::write(&from, &file))
            .and_then(|()| sync(&from));
        written.map_err(ImageError::store("write", &from))?;
        discard(root, key)?;
        fs::rename(&from, &to).map_err(ImageError::store("publish", &to))?;
        File::open(root).and_then(|root| root.sync_all()).map_err(ImageError::store("sync", root))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now, the next sweep removes.
        let _ = remove(&self.path);
    }
}

/// Takes an image out of sight, then deletes it. Who has it open keeps it.
pub(super) fn discard(root: &Path, key: &str) -> Result<(), ImageError> {
    let directory = root.join(key);
    let old = root.join(".staging").join(format!("{key}.old"));
    remove(&old).map_err(ImageError::store("remove", &old))?;
    match fs::rename(&directory, &old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ImageError::store("remove", &directory)(error)),
        Ok(()) => remove(&old).map_err(ImageError::store("remove", &old)),
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The files of a directory, and the directory.
fn sync(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(directory)?.sync_all()
}
