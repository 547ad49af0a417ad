//! Finding and making mount points below the new root.

use alloc::vec;
use alloc::vec::Vec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, chownat, fstat, mkdirat, openat, openat2,
    statat, unlinkat,
};
use rustix::io::Errno;

/// The new root while it is being built.
pub(super) struct Skeleton {
    top: OwnedFd,
    /// Devices of the file systems that belong to this sandbox alone, in which missing directories may be made.
    own: Vec<u64>,
}

/// Splits an absolute path into the directory and the name in it.
fn split(target: &str) -> Result<(&str, &str), Errno> {
    let trimmed = target.trim_end_matches('/');
    let (parent, name) = trimmed.rsplit_once('/').ok_or(Errno::INVAL)?;
    match name {
        "" | "." | ".." => Err(Errno::INVAL),
        _ => Ok((parent, name)),
    }
}

impl Skeleton {
    pub(super) fn new(top: OwnedFd) -> Result<Self, Errno> {
        let own = vec![fstat(&top)?.st_dev];
        Ok(Self { top, own })
    }

    pub(super) fn top(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }

    /// Says that the file system `place` lies on is the sandbox's own.
    pub(super) fn own(&mut self, place: impl AsFd) -> Result<(), Errno> {
        self.own.push(fstat(place)?.st_dev);
        Ok(())
    }

    /// Opens what is at `target`, links followed as if the new root were the root already.
    fn find(&self, target: &str, kind: OFlags) -> Result<OwnedFd, Errno> {
        let relative = target.trim_matches('/');
        let relative = if relative.is_empty() { "." } else { relative };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC | kind;
        openat2(&self.top, relative, flags, Mode::empty(), resolve)
    }

    /// The directory `target`, made with its parents where missing.
    pub(super) fn directory(&self, target: &str) -> Result<OwnedFd, Errno> {
        match self.find(target, OFlags::DIRECTORY) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let (parent, name) = self.parent(target)?;
        mkdirat(&parent.fd, name, Mode::from_raw_mode(0o755))?;
        parent.adopt(name)?;
        self.find(target, OFlags::DIRECTORY)
    }

    /// The file `target`, made empty where missing: something to mount over.
    pub(super) fn file(&self, target: &str) -> Result<OwnedFd, Errno> {
        match self.find(target, OFlags::empty()) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let (parent, name) = self.parent(target)?;
        let fd = create(&parent.fd, name)?;
        parent.adopt(name)?;
        drop(fd);
        self.find(target, OFlags::empty())
    }

    /// The directory in which `target` is to be made, which must be the sandbox's own: what belongs to the host stays as
    /// it is.
    pub(super) fn parent<'t>(&self, target: &'t str) -> Result<(Parent, &'t str), Errno> {
        let (parent, name) = split(target)?;
        let fd = self.directory(parent)?;
        let stat = fstat(&fd)?;
        if self.own.contains(&stat.st_dev) { Ok((Parent { fd, stat }, name)) } else { Err(Errno::ROFS) }
    }

    /// Makes `name`, at the top of the sandbox's own file system, a directory if it is anything else.
    pub(super) fn make_plain(&self, name: &str) -> Result<(), Errno> {
        match statat(&self.top, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => return Ok(()),
            Ok(_) => unlinkat(&self.top, name, AtFlags::empty())?,
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        mkdirat(&self.top, name, Mode::from_raw_mode(0o755))
    }

    /// Opens a device or directory of the host.
    pub(super) fn on_host(path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
    }
}

/// Makes an empty file, which must not be there yet.
pub(super) fn create(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::from_raw_mode(0o644))
}

/// A directory of the sandbox's own.
pub(super) struct Parent {
    pub(super) fd: OwnedFd,
    stat: Stat,
}

impl Parent {
    /// Gives what was made in the directory to the directory's owner: a directory on the way to a mount point inside the
    /// server's home is the server's.
    pub(super) fn adopt(&self, name: &str) -> Result<(), Errno> {
        let (user, group) = (Uid::from_raw(self.stat.st_uid), Gid::from_raw(self.stat.st_gid));
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        chownat(&self.fd, name, Some(user), Some(group), flags)
    }
}
