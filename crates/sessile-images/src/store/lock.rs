//! The lock of whoever makes an image.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A lock that is held. Whoever holds it goes with its process, so a crash frees it; the file goes with the lock.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of a key, if nobody has it.
    pub(super) fn try_take(root: &Path, key: &str) -> io::Result<Option<Self>> {
        let path = root.join(".locks").join(key);
        loop {
            let file = File::options().create(true).append(true).open(&path)?;
            match file.try_lock() {
                // Who had it may have removed the file between the two calls; then somebody else may have another one.
                Ok(()) if is_at(&file, &path) => return Ok(Some(Self { path, _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock is free, so that it is this file and no other's.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether this is still the file at that path.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}
