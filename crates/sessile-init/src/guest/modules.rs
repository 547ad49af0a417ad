//! The kernel modules that a machine needs, in the order in which they need each other: the initramfs lists them.

use super::{Fault, cannot, machine};
use alloc::format;
use rustix::fs::{Mode, OFlags, open, unlink};
use rustix::io::Errno;
use rustix::system::finit_module;

/// The list: a name in `/modules` on each line.
const LIST: &str = "/modules/list";

/// Loads them, and gives back the memory that their files took.
pub(super) fn load() -> Result<(), Fault> {
    let list = machine::read(LIST).map_err(cannot("read the list of modules"))?;
    let list =
        core::str::from_utf8(&list).map_err(|_| Fault { what: "read the list of modules", errno: Errno::ILSEQ })?;
    for name in list.lines() {
        load_one(&format!("/modules/{name}")).map_err(|errno| {
            super::tell_the_console(&format!("sessile-init: module {name}: errno {}", errno.raw_os_error()));
            Fault { what: "load the kernel modules", errno }
        })?;
    }
    Ok(())
}

fn load_one(path: &str) -> Result<(), Errno> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    match finit_module(&file, c"", 0) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    unlink(path)
}
