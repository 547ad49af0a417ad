//! `/dev`: the harmless devices of the host, terminals and shared memory of its own, and nothing else.

use super::failed;
use super::skeleton::Skeleton;
use super::store::Store;
use super::views::FOR_ALL;
use crate::mounts::{self, Attributes, Fs};
use alloc::format;
use rustix::fs::symlinkat;
use rustix::io::Errno;
use sessile_link::Refusal;

/// Devices that give no access to anything.
const HARMLESS: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Links that programs expect.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Makes `/dev`.
pub(super) fn mount(skeleton: &Skeleton, store: &mut Store) -> Result<(), Refusal> {
    for device in HARMLESS {
        match show(skeleton, device) {
            // A host inside a container may lack a terminal or `full`.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("show", device)(errno)),
        }
    }
    let dev = skeleton.directory("/dev").map_err(failed("make", "/dev"))?;
    for (name, to) in LINKS {
        symlinkat(to, &dev, name).map_err(failed("link", format!("/dev/{name}")))?;
    }
    terminals(skeleton).map_err(failed("mount", "/dev/pts"))?;
    shared_memory(skeleton, store).map_err(failed("make", "/dev/shm"))
}

/// A copy of one of the host's devices.
pub(super) fn show(skeleton: &Skeleton, device: &str) -> Result<(), Errno> {
    over(skeleton, device, device)
}

/// Lays a device over a file.
pub(super) fn over(skeleton: &Skeleton, device: &str, target: &str) -> Result<(), Errno> {
    let mount = mounts::copy(Skeleton::on_host(device)?, false)?;
    let tame = Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NOEXEC;
    mounts::restrict(&mount, tame, false)?;
    mounts::attach(mount, skeleton.file(target)?)
}

fn terminals(skeleton: &Skeleton) -> Result<(), Errno> {
    let options = [Fs::Set("ptmxmode", "666"), Fs::Set("mode", "620")];
    let tame = Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NOEXEC;
    let mount = mounts::new("devpts", &options, tame)?;
    mounts::attach(mount, skeleton.directory("/dev/pts")?)
}

fn shared_memory(skeleton: &Skeleton, store: &mut Store) -> Result<(), Errno> {
    let mount = store.directory(FOR_ALL)?;
    mounts::attach(mount, skeleton.directory("/dev/shm")?)
}
