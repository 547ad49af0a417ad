//! How much lies in a directory that somebody else filled, who may not wish it to be known.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Directories within each other that are looked into, and so the most descriptors that are open at once. What lies deeper
/// counts as everything.
const DEPTH: u32 = 100;

/// Bytes of a block as `stat(2)` counts them.
const BLOCK: u64 = 512;

/// What lies in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk, directories included; a file with several names counts once.
    pub bytes: u64,
    /// Names.
    pub files: u64,
}

impl Usage {
    /// Whether it is more than `limit` in any way.
    #[must_use]
    pub fn exceeds(&self, limit: Self) -> bool {
        self.bytes > limit.bytes || self.files > limit.files
    }

    /// The larger of both, in each way.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), files: self.files.max(other.files) }
    }
}

/// Counts what lies in `directory`, until it exceeds `most`.
pub(super) fn count(directory: &Path, most: Usage) -> Result<Usage, Errno> {
    let top = open(CWD, directory)?;
    let device = fstat(&top)?.st_dev;
    let mut count = Count { device, most, found: Usage::default(), linked: HashSet::new() };
    count.directory(&top, DEPTH)?;
    Ok(count.found)
}

fn open(parent: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

struct Count {
    device: u64,
    most: Usage,
    found: Usage,
    /// Files with several names that were counted.
    linked: HashSet<u64>,
}

impl Count {
    fn directory(&mut self, directory: &OwnedFd, depth: u32) -> Result<(), Errno> {
        if depth == 0 {
            self.found.files = u64::MAX;
            return Ok(());
        }
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue, // gone meanwhile
                Err(errno) => return Err(errno),
            };
            self.found.files = self.found.files.saturating_add(1);
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if is_directory || stat.st_nlink < 2 || self.linked.insert(stat.st_ino) {
                let bytes = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(BLOCK);
                self.found.bytes = self.found.bytes.saturating_add(bytes);
            }
            if is_directory && stat.st_dev == self.device && !self.found.exceeds(self.most) {
                match open(directory, name) {
                    Ok(inner) => self.directory(&inner, depth - 1)?,
                    // Gone meanwhile, or something else by now; or, where this is an ordinary user, closed by its own server.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
                    Err(errno) => return Err(errno),
                }
            }
            if self.found.exceeds(self.most) {
                return Ok(());
            }
        }
        Ok(())
    }
}
