//! Removing a tree of cgroups, with or without what still lives in it. Knows nothing of versions: the files that are there
//! tell.

use std::fs;
use std::io;
use std::path::Path;

/// Removes `top` and everything below it, bottom up; what something still lives in stays. `true` once nothing is left.
pub(crate) fn remove_empty(top: &Path) -> bool {
    let children = match fs::read_dir(top) {
        Ok(children) => children,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    };
    for child in children.flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&child.path());
        }
    }
    match fs::remove_dir(top) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Kills everything that lives in `top` or below it.
pub(crate) fn kill(top: &Path) {
    // One write where the kernel can (Linux 5.14, version 2).
    if fs::write(top.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    // No forks from here on, or a fork bomb would outrun the loop.
    let _ = fs::write(top.join("pids.max"), "0");
    for child in fs::read_dir(top).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            kill(&child.path());
        }
    }
    let members = fs::read_to_string(top.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
