//! An installation, ready to be started from.

use std::fs::File;
use std::sync::Arc;

use sessile_sandbox::FileView;

use crate::LockedPackage;

/// A program of an installed package. Needs no network, no npm and no pip any more.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The program with its arguments, all paths absolute.
    pub command: Vec<String>,
    /// What it must see, besides what the view of its command brings: the installation, read-only at its own path.
    pub files: Vec<FileView>,
    /// What its environment must hold.
    pub env: Vec<(String, String)>,
    /// The first package that was asked for.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Over names, versions and hashes of all packages: `sha256:…`.
    pub digest: String,
    /// All packages, sorted.
    pub packages: Vec<LockedPackage>,
    /// Names the installation in the store.
    pub key: String,
    /// Keeps the installation from being removed.
    pub lease: Lease,
}

/// While one of these lives, also in another process, [`Store::remove`](crate::Store::remove) refuses.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Holds a shared lock on the installation's record.
    _record: Arc<File>,
}

impl Lease {
    pub(crate) fn new(record: File) -> Self {
        Self { _record: Arc::new(record) }
    }
}
