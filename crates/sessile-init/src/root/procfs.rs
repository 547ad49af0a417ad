//! `/proc`: only the sandbox's processes, of those only the server's own, and nothing of it can be written.

use super::skeleton::Skeleton;
use super::{devices, failed};
use crate::mounts::{self, Attributes, Fs, TAME};
use alloc::format;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;
use sessile_link::{Protection, Refusal, StartOrder};

/// Others may read.
const OTHERS_READ: u32 = 0o004;

/// What tells about the host and is of no use to a server. Not every kernel has all of it. What only root may read needs no mask, since
/// no server is root.
const MASKED: [&str; 14] = [
    "acpi",
    "asound",
    "cmdline",
    "fs",
    "interrupts",
    "kallsyms",
    "kcore",
    "keys",
    "latency_stats",
    "modules",
    "scsi",
    "sched_debug",
    "sysrq-trigger",
    "timer_list",
];

/// Mounts `/proc` read-only for the server, and gives back a writable one that only init holds.
pub(super) fn mount(skeleton: &Skeleton, order: &StartOrder) -> Result<OwnedFd, Refusal> {
    let tame = TAME | Attributes::MOUNT_ATTR_NOEXEC;
    // 2: processes that one may not trace do not exist, which hides init.
    let hide = [Fs::Set("hidepid", if order.keeps(Protection::HiddenProcesses) { "2" } else { "0" })];
    let shown = mounts::new("proc", &hide, tame).map_err(failed("mount", "/proc"))?;
    let finish = || {
        mounts::attach(&shown, skeleton.directory("/proc")?)?;
        let own = mounts::copy(&shown, false)?;
        if order.keeps(Protection::MaskedProc) {
            MASKED.iter().try_for_each(|name| mask(skeleton, &own, name))?;
        }
        if order.keeps(Protection::ReadOnlyProc) {
            mounts::restrict(&shown, Attributes::MOUNT_ATTR_RDONLY, false)?;
        }
        Ok(own)
    };
    finish().map_err(failed("set up", "/proc"))
}

/// Lays something empty over one entry.
fn mask(skeleton: &Skeleton, proc: &OwnedFd, name: &str) -> Result<(), Errno> {
    let stat = match statat(proc, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::ACCESS) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if stat.st_mode & OTHERS_READ == 0 {
        return Ok(());
    }
    let target = format!("/proc/{name}");
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return devices::over(skeleton, "/dev/null", &target);
    }
    let empty = [Fs::Set("size", "4k"), Fs::Set("nr_inodes", "1"), Fs::Set("mode", "555")];
    let mount = mounts::new("tmpfs", &empty, TAME | Attributes::MOUNT_ATTR_RDONLY)?;
    mounts::attach(mount, skeleton.directory(&target)?)
}
