//! The kernel's mount calls (`fsopen(2)` and family, Linux 5.12 and newer): mounts are made detached, dressed, and only
//! then attached, so that there is no moment in which one is visible with too many rights.
#![allow(unsafe_code)]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

/// The attributes of a mount.
pub(crate) type Attributes = MountAttrFlags;

/// Neither set-user-id programs nor devices count: on every mount that a server sees.
pub(crate) const TAME: Attributes = Attributes::MOUNT_ATTR_NOSUID.union(Attributes::MOUNT_ATTR_NODEV);

/// An option of a new file system: `key=value`, or a flag.
pub(crate) enum Fs<'a> {
    /// `key=value`.
    Set(&'a str, &'a str),
    /// `key`.
    Flag(&'a str),
}

/// Mounts a new file system, detached.
pub(crate) fn new(kind: &str, options: &[Fs<'_>], attributes: Attributes) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in options {
        match option {
            Fs::Set(key, value) => fsconfig_set_string(&context, *key, *value)?,
            Fs::Flag(key) => fsconfig_set_flag(&context, *key)?,
        }
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// A detached copy of the mount at `place`, showing `place` and what lies below it.
pub(crate) fn copy(place: impl AsFd, whole_tree: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, whole_tree);
    open_tree(place, "", flags)
}

/// Attaches a detached mount on top of `place`.
pub(crate) fn attach(mount: impl AsFd, place: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", place, "", flags)
}

/// Attaches a detached mount on top of the host's directory `place`.
pub(crate) fn attach_on_host(mount: impl AsFd, place: &str) -> Result<(), Errno> {
    move_mount(mount, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// `struct mount_attr` of `mount_setattr(2)`.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

fn set_attributes(mount: BorrowedFd<'_>, change: &MountAttr, whole_tree: bool) -> Result<(), Errno> {
    let mut flags = AtFlags::EMPTY_PATH.bits();
    if whole_tree {
        flags |= OpenTreeFlags::AT_RECURSIVE.bits();
    }
    // SAFETY: the path is a terminated empty string, `change` is a valid `mount_attr` of the size given, and both are only
    // read.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            core::ptr::from_ref(change),
            size_of::<MountAttr>(),
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Err(crate::errno::last())
}

/// Takes rights away from a mount, or from it and everything mounted below it.
pub(crate) fn restrict(mount: impl AsFd, rights: Attributes, whole_tree: bool) -> Result<(), Errno> {
    let change = MountAttr { set: u64::from(rights.bits()), ..MountAttr::default() };
    set_attributes(mount.as_fd(), &change, whole_tree)
}

/// Gives a mount back what it was made without.
pub(crate) fn permit(mount: impl AsFd, rights: Attributes) -> Result<(), Errno> {
    let change = MountAttr { clear: u64::from(rights.bits()), ..MountAttr::default() };
    set_attributes(mount.as_fd(), &change, false)
}

/// Shows the files of a detached mount under other owners, as the mapping of `users` says.
pub(crate) fn map_owners(mount: impl AsFd, users: impl AsFd) -> Result<(), Errno> {
    let change = MountAttr {
        set: u64::from(Attributes::MOUNT_ATTR_IDMAP.bits()),
        userns_fd: u64::from(users.as_fd().as_raw_fd().unsigned_abs()),
        ..MountAttr::default()
    };
    set_attributes(mount.as_fd(), &change, true)
}
