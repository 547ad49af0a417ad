//! The sandbox's own memory-backed store: everything that a server can write to without touching the host lies in it, so
//! that one size limits all of it and nothing is left on any disk.

use super::failed;
use crate::mounts::{self, Attributes, Fs, TAME};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat, mkdirat, mknodat, openat};
use rustix::io::Errno;
use rustix::process::fchdir;
use sessile_link::{HostUsers, Refusal, StartOrder};

/// Where the store is attached while the root is built: a directory that every host has and that nothing is shown from. It
/// disappears together with the host's root. (Not over `/`, where this process would count as one in a `chroot`, which may
/// make no user namespaces.)
const BESIDE: &str = "/proc";

/// Bytes for each file that the store may hold: full of files of this size, it runs out of both at once.
const BYTES_PER_FILE: u64 = 4096;

/// The fewest files that the store may hold.
const MIN_FILES: u64 = 1024;

/// The store while the root is being built.
pub(super) struct Store {
    root: OwnedFd,
    server: (Uid, Gid),
    rootless: bool,
    next: u32,
}

impl Store {
    pub(super) fn new(order: &StartOrder) -> Result<Self, Refusal> {
        let (id, rootless) = match order.users {
            HostUsers::Root { server, .. } => (server, false),
            HostUsers::Rootless => (0, true),
        };
        let size = order.disk.map(|bytes| bytes.to_string());
        let files = order.disk.map(|bytes| (bytes / BYTES_PER_FILE).max(MIN_FILES).to_string());
        let mut options = vec![Fs::Set("mode", "755")];
        options.extend(size.as_deref().map(|size| Fs::Set("size", size)));
        options.extend(files.as_deref().map(|files| Fs::Set("nr_inodes", files)));
        let root = mounts::new("tmpfs", &options, TAME).map_err(failed("mount", BESIDE))?;
        mounts::attach_on_host(&root, BESIDE).map_err(failed("attach", BESIDE))?;
        Ok(Self { root, server: (Uid::from_raw(id), Gid::from_raw(id)), rootless, next: 0 })
    }

    /// Attaches a mount to a directory of its own in the store, where nobody sees it.
    pub(super) fn hold(&mut self, mount: &OwnedFd) -> Result<(), Errno> {
        let (_, room) = self.room(0o700)?;
        mounts::attach(mount, room)
    }

    /// The file system that the store is.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// A new directory in the store, its name and itself.
    fn room(&mut self, mode: u32) -> Result<(String, OwnedFd), Errno> {
        let name = self.next.to_string();
        self.next += 1;
        mkdirat(&self.root, &name, Mode::from_raw_mode(mode))?;
        let fd = open(&self.root, &name)?;
        Ok((name, fd))
    }

    /// Makes the server the owner of `name` in `parent`.
    fn give(&self, parent: &OwnedFd, name: &str) -> Result<(), Errno> {
        let (user, group) = self.server;
        chownat(parent, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// A fresh directory of the server's, as a mount.
    pub(super) fn directory(&mut self, mode: u32) -> Result<OwnedFd, Errno> {
        let (name, _) = self.room(mode)?;
        self.give(&self.root, &name)?;
        mounts::copy(open(&self.root, &name)?, false)
    }

    /// A file that cannot be changed, as a mount.
    pub(super) fn file(&mut self, content: &[u8]) -> Result<OwnedFd, Errno> {
        let (_, room) = self.room(0o700)?;
        write(&super::skeleton::create(&room, "text")?, content)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let mount = mounts::copy(openat(&room, "text", flags, Mode::empty())?, false)?;
        mounts::restrict(&mount, Attributes::MOUNT_ATTR_RDONLY, false)?;
        Ok(mount)
    }

    /// A character device of the server's, as a mount on which devices count. `None` for an ordinary user, who may make none.
    pub(super) fn device(&mut self, number: u64) -> Result<Option<OwnedFd>, Errno> {
        if self.rootless {
            return Ok(None);
        }
        let (_, room) = self.room(0o700)?;
        mknodat(&room, "device", FileType::CharacterDevice, Mode::from_raw_mode(0o600), number)?;
        self.give(&room, "device")?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let mount = mounts::copy(openat(&room, "device", flags, Mode::empty())?, false)?;
        mounts::permit(&mount, Attributes::MOUNT_ATTR_NODEV)?;
        Ok(Some(mount))
    }

    /// A private overlay on `lower`, whose files can be seen and whose changes stay in the store, as a mount.
    pub(super) fn overlay(&mut self, lower: OwnedFd, mode: u32) -> Result<OwnedFd, Errno> {
        let (name, room) = self.room(0o755)?;
        mkdirat(&room, "upper", Mode::from_raw_mode(mode))?;
        self.give(&room, "upper")?;
        self.layered(&name, &room, lower)
    }

    /// The same on an image, whose top stays its owner's.
    pub(super) fn image(&mut self, lower: OwnedFd, mode: u32) -> Result<OwnedFd, Errno> {
        let (name, room) = self.room(0o755)?;
        mkdirat(&room, "upper", Mode::from_raw_mode(mode))?;
        self.layered(&name, &room, lower)
    }

    /// The overlay in `room`, whose upper layer is there.
    fn layered(&self, name: &str, room: &OwnedFd, lower: OwnedFd) -> Result<OwnedFd, Errno> {
        for inner in ["work", "lower"] {
            mkdirat(room, inner, Mode::from_raw_mode(0o700))?;
        }
        mounts::attach(lower, open(room, "lower")?)?;

        // The kernel takes the layers by path. These are relative to the store, so that no path of the host, which might
        // hold the separators `:` and `,`, needs to be written down, here or in the server's view of its mounts.
        fchdir(&self.root)?;
        let layer = |inner: &str| format!("{name}/{inner}");
        let (lower, upper, work) = (layer("lower"), layer("upper"), layer("work"));
        let mut options = vec![Fs::Set("lowerdir", &lower), Fs::Set("upperdir", &upper), Fs::Set("workdir", &work)];
        if self.rootless {
            options.push(Fs::Flag("userxattr")); // `trusted.` attributes are the host root's
        }
        mounts::new("overlay", &options, TAME)
    }
}

fn open(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Writes all of `content`.
pub(super) fn write(file: &OwnedFd, mut content: &[u8]) -> Result<(), Errno> {
    while !content.is_empty() {
        let count = rustix::io::write(file, content)?;
        content = content.get(count..).unwrap_or_default();
    }
    Ok(())
}
