//! Removing a tree of cgroups, with or without what still lives in it. Knows nothing of versions: the files that are there
//! tell.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, open, rmdir};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// The most of a list of members that is read at once; the rest is read on the next round.
const MEMBERS: usize = 16 * 1024;

/// Removes `top` and everything below it, bottom up; what something still lives in stays. `true` once nothing is left.
pub(crate) fn remove_empty(top: &str) -> bool {
    for child in children(top) {
        remove_empty(&child);
    }
    matches!(rmdir(top), Ok(()) | Err(Errno::NOENT))
}

/// Removes a node's directory like [`remove_empty`], and the one that all nodes share if it was the last.
pub(crate) fn remove_with_parent(node: &str) -> bool {
    let removed = remove_empty(node);
    if let Some((shared, _)) = node.rsplit_once('/').filter(|_| removed) {
        let _ = rmdir(shared);
    }
    removed
}

/// Kills everything that lives in `top` or below it.
pub(crate) fn kill(top: &str) {
    // One write where the kernel can (Linux 5.14, version 2).
    if write(&format!("{top}/cgroup.kill"), b"1").is_ok() {
        return;
    }
    // No forks from here on, or a fork bomb would outrun the loop.
    let _ = write(&format!("{top}/pids.max"), b"0");
    for child in children(top) {
        kill(&child);
    }
    for pid in members(top).unwrap_or_default() {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Lets everything in `top` and below it go on that was frozen. Without its runtime nobody else would, and what is frozen neither
/// counts down nor dies.
pub(crate) fn thaw(top: &str) {
    // What has no such file, or is not frozen, is left as it is.
    let _ = write(&format!("{top}/freezer.state"), b"THAWED");
    let _ = write(&format!("{top}/cgroup.freeze"), b"0");
    for child in children(top) {
        thaw(&child);
    }
}

/// The directories in a directory.
fn children(top: &str) -> Vec<String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = open(top, flags, Mode::empty()).and_then(Dir::new) else {
        return Vec::new();
    };
    let entries = directory.filter_map(Result::ok).filter(|entry| entry.file_type() == FileType::Directory);
    let names = entries.filter_map(|entry| entry.file_name().to_str().ok().map(|name| format!("{top}/{name}")));
    names.filter(|path| !path.ends_with("/.") && !path.ends_with("/..")).collect()
}

fn write(path: &str, text: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text).map(drop)
}

/// The processes directly in a cgroup.
fn members(top: &str) -> Result<Vec<Pid>, Errno> {
    let path = format!("{top}/cgroup.procs");
    let file = rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = vec![0; MEMBERS];
    let count = rustix::io::read(&file, text.as_mut_slice())?;
    let lines = text.get(..count).unwrap_or_default().split(|byte| *byte == b'\n');
    let numbers = lines.filter_map(|line| core::str::from_utf8(line).ok()?.parse().ok());
    Ok(numbers.filter_map(Pid::from_raw).collect())
}
