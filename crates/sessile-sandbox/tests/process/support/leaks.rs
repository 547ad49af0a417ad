//! What is left of sandboxes: looked for on the host, not asked of the driver.

use std::fs;
use std::path::{Path, PathBuf};

/// The cgroup directories that this process's driver made and that are still there, sandboxes' and node's.
pub(crate) fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = mountinfo.lines().filter(|line| line.contains(" - cgroup"));
    for point in points.filter_map(|line| line.split(' ').nth(4)) {
        search(Path::new(point), &format!("{pid}-"), 4, &mut found);
    }
    found
}

/// Looks for `sessile/<prefix>…` some levels down.
fn search(directory: &Path, prefix: &str, levels: u32, found: &mut Vec<PathBuf>) {
    if levels == 0 {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten().filter(|e| e.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = directory.ends_with("sessile") && name.starts_with(prefix);
        if ours {
            found.push(entry.path());
            let inner = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            found.extend(inner.map(|e| e.path()).filter(|path| path.is_dir()));
        } else {
            search(&entry.path(), prefix, levels - 1, found);
        }
    }
}

/// The sandboxes' cgroups only.
pub(crate) fn sandbox_cgroups_of(pid: u32) -> Vec<PathBuf> {
    let parent = format!("{pid}-");
    let is_node = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&parent));
    cgroups_of(pid).into_iter().filter(|path| !is_node(path)).collect()
}

/// The processes whose parent PID namespace is another one than this process's, by what `/proc` shows: in a PID namespace two
/// levels deep as seen from here.
pub(crate) fn sandboxed_processes_of(pid: u32) -> Vec<u32> {
    let mut inits: Vec<u32> = children(pid).into_iter().filter(|child| is_in_other_namespace(*child)).collect();
    let mut next = 0;
    while let Some(&parent) = inits.get(next) {
        inits.extend(children(parent));
        next += 1;
    }
    inits
}

/// All processes that carry `marker` in their command line, whoever their parent is.
pub(crate) fn processes_with(marker: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        *pid != std::process::id() && String::from_utf8_lossy(&line).contains(marker)
    })
    .collect()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

fn is_in_other_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // One number for each PID namespace the process is in, as deep as this one sees.
    status.lines().find(|line| line.starts_with("NSpid:")).is_some_and(|line| line.split_whitespace().count() > 2)
}
