//! The directory that the keys and the ledger lie in.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a state directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It is not there and cannot be made, or cannot be looked at.
    #[error("cannot use the state directory {path}: {source}; name one that this user may write to")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Every user of the machine could put files of their own in the place of ours.
    #[error(
        "the state directory {path} can be written by every user of this machine (mode {mode:04o}); run `chmod o-w {path}`"
    )]
    WorldWritable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Makes the directory if it is not there (mode 0700), and refuses one that everybody may write to.
pub(crate) fn prepare(path: &Path) -> Result<(), StateDirError> {
    let unusable = |source| StateDirError::Unusable { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let mode = fs::metadata(path).map_err(unusable)?.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(StateDirError::WorldWritable { path: path.to_owned(), mode });
    }
    Ok(())
}
