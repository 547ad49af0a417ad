//! The machine's file systems: devices, the image, and a root that, unlike the initial one, can be left.

use crate::mounts::{self, Attributes, Fs, TAME};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, mkdir, openat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};
use rustix::process::{chdir, chroot};

/// The machine's only disk: an image, read-only. A machine for trials has none.
const DISK: &str = "/dev/vda";

/// Where the second root is built. The initramfs has the directory.
const BASE: &str = "/base";

/// `/dev`, as the kernel fills it.
pub(super) fn show_devices() -> Result<(), Errno> {
    mounts::attach_on_host(devices()?, "/dev")
}

fn devices() -> Result<OwnedFd, Errno> {
    mounts::new("devtmpfs", &[], Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NOEXEC)
}

/// What the kernel counts, open before nobody may open it any more.
pub(super) struct Counters(OwnedFd);

impl Counters {
    /// How often the kernel has killed a process for want of memory. Once: the file is not read again.
    pub(super) fn out_of_memory_kills(&self) -> u64 {
        let mut text = vec![0; 32 * 1024];
        let mut length = 0;
        while let Some(room) = text.get_mut(length..).filter(|room| !room.is_empty()) {
            match rustix::io::read(&self.0, room) {
                Ok(0) | Err(_) => break,
                Ok(count) => length += count,
            }
        }
        let lines = text.get(..length).unwrap_or_default().split(|byte| *byte == b'\n');
        let value = lines.filter_map(|line| line.strip_prefix(b"oom_kill ")).next();
        value.and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0)
    }
}

/// Moves to a root that can be left for the sandbox's own, with `/dev`, a place for `/proc`, and the image at `/image`.
pub(super) fn leave_initramfs() -> Result<Counters, Errno> {
    let base = mounts::new("tmpfs", &[Fs::Set("mode", "755"), Fs::Set("size", "1m")], TAME)?;
    mounts::attach_on_host(&base, BASE)?;
    for name in ["dev", "proc", "image"] {
        mkdir(format!("{BASE}/{name}"), Mode::from_raw_mode(0o755))?;
    }
    mounts::attach_on_host(devices()?, &format!("{BASE}/dev"))?;
    if rustix::fs::access(DISK, rustix::fs::Access::EXISTS).is_ok() {
        let image =
            mounts::new("erofs", &[Fs::Set("source", DISK), Fs::Flag("ro")], TAME | Attributes::MOUNT_ATTR_RDONLY)?;
        mounts::attach_on_host(image, &format!("{BASE}/image"))?;
    }
    let proc = mounts::new("proc", &[], TAME | Attributes::MOUNT_ATTR_NOEXEC)?;
    let counters = openat(&proc, "vmstat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // As `switch_root(8)` does it. The kernel takes the new root for the namespace's: nobody in it counts as being in a `chroot`.
    chdir(BASE)?;
    move_mount(CWD, ".", CWD, "/", MoveMountFlags::empty())?;
    chroot(".")?;
    chdir("/")?;
    Ok(Counters(counters))
}

/// A file, whole. For files that this program's own build wrote.
pub(super) fn read(path: &str) -> Result<Vec<u8>, Errno> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match rustix::io::read(&file, &mut piece)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
    }
}
