//! Files that nobody but the user who runs the node may read.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::geteuid;

/// Why a private file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The operating system said no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others may read it, so that what it holds may be known to them already.
    #[error(
        "{path} is open to other users of this machine (mode {mode:04o}); delete it, or run `chmod 600 {path}` if you know that nobody read it"
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Its owner can read it whatever its mode says.
    #[error("{path} belongs to another user (uid {owner}); run as that user, or delete the file")]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// A directory, a link, a device.
    #[error("{path} is not a regular file; move it away")]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
}

impl PrivateError {
    /// Wraps what the operating system said of `path` while `doing`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// Opens a private file for reading; `None` where there is none.
pub(crate) fn open(path: &Path) -> Result<Option<File>, PrivateError> {
    // Not through links, and without waiting for the other end of a pipe that somebody put there.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(PrivateError::io("open", path))?,
    };
    // Asked of the open file, not of the path, so that what is checked is what is read.
    check(path, &file.metadata().map_err(PrivateError::io("look at", path))?)?;
    Ok(Some(file))
}

/// Makes an empty private file that is not there yet.
pub(crate) fn create(path: &Path) -> Result<File, PrivateError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(PrivateError::io("create", path))
}

/// Makes sure that a private file is there, and opens it never: when a process closes any descriptor of a file, it loses
/// the POSIX locks that it holds on it, and SQLite holds such locks.
pub(crate) fn ensure_unopened(path: &Path) -> Result<(), PrivateError> {
    match rustix::fs::mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(PrivateError::io("create", path)(errno.into())),
    }
    check(path, &path.symlink_metadata().map_err(PrivateError::io("look at", path))?)
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), PrivateError> {
    let path = path.to_owned();
    if !metadata.is_file() {
        return Err(PrivateError::NotAFile { path });
    }
    if metadata.uid() != geteuid().as_raw() {
        return Err(PrivateError::ForeignOwner { path, owner: metadata.uid() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateError::OpenToOthers { path, mode });
    }
    Ok(())
}
