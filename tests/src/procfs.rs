//! What the kernel says about processes.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One process, told from a later one of the same number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number, as the host sees it.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// When it started, in ticks since the boot.
    pub started: u64,
    /// Whether it has ended and waits for its parent to notice.
    pub is_zombie: bool,
}

/// All processes of the host, as far as they can be seen.
pub fn processes() -> Vec<Process> {
    let names = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(process).collect()
}

/// One process; `None` when it is gone.
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        is_zombie: fields.first() == Some(&"Z"),
    })
}

/// The processes below `ancestor`, itself not among them.
pub fn descendants(ancestor: u32) -> Vec<Process> {
    let all = processes();
    let mut family = HashSet::from([ancestor]);
    // A parent may have a higher number than its child.
    loop {
        let before = family.len();
        family.extend(all.iter().filter(|process| family.contains(&process.parent)).map(|p| p.pid).collect::<Vec<_>>());
        if family.len() == before {
            break;
        }
    }
    all.into_iter().filter(|process| process.pid != ancestor && family.contains(&process.pid)).collect()
}

/// The number of a namespace of a process; `None` when it is gone, or not ours to know.
pub fn namespace(pid: u32, kind: &str) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok().map(|metadata| metadata.ino())
}

/// The command line, words parted by spaces.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
}

/// The directories of the cgroups that a process is in.
pub fn cgroups(pid: u32) -> Vec<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    text.lines().filter_map(cgroup_directory).collect()
}

fn cgroup_directory(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let path = path.strip_prefix('/')?;
    let base = Path::new("/sys/fs/cgroup");
    let mount = match controllers {
        "" if base.join("unified").is_dir() => base.join("unified"),
        "" => base.to_owned(),
        named => base.join(named.strip_prefix("name=").unwrap_or(named)),
    };
    Some(mount.join(path))
}

/// Memory that a process has in use, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
    kib * 1024
}

/// How many files, sockets included, a process has open.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Every mount that this process sees.
pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}
