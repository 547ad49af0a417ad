//! An image, ready to be used.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sessile_manifest::ImageDigest;

use crate::ImageConfig;
use crate::store::record::Record;

/// An image of the store. While it or a clone of it lives, also in another process, it is not pruned.
#[derive(Clone, Debug)]
pub struct Image {
    path: PathBuf,
    key: String,
    record: Arc<Record>,
    /// Holds a shared lock.
    file: Arc<File>,
}

impl Image {
    pub(crate) fn new(path: PathBuf, key: String, record: Record, file: File) -> Self {
        Self { path, key, record: Arc::new(record), file: Arc::new(file) }
    }

    /// The erofs file system: read-only, shared by all who use it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it wants its program started.
    pub fn config(&self) -> &ImageConfig {
        &self.record.config
    }

    /// What it was made from: the digest of the manifest or index, or of the directory.
    pub fn digest(&self) -> ImageDigest {
        self.record.digest
    }

    /// The digest of the file system itself. The same key always gives the same.
    pub fn content_digest(&self) -> ImageDigest {
        self.record.image
    }

    /// Bytes of the file system.
    pub fn bytes(&self) -> u64 {
        self.record.bytes
    }

    /// Names it in the store: over its source and the version of the builder.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file, opened for reading, with the lock that keeps it. A process that inherits this descriptor keeps the image
    /// also when this one ends.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
