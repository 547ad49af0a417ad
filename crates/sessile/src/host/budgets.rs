//! What a node has for all its sessions: what the manifest says, else what the host has.

use sessile_manifest::{Kind, Manifest, Server, Size};
use sessile_runtime::NodeLimits;
use std::path::{Path, PathBuf};

/// The part of the host's memory that is for sessions, as a fraction.
const FOR_SESSIONS: (u64, u64) = (4, 5);
/// How many times over that is given out where the manifest does not say: a limit is what a session may reach at its
/// worst, and few reach a quarter of it. The kernel holds each to its own limit all the same.
const TIMES_OVER: u64 = 4;

/// The budgets of a node that hosts `manifest`.
pub(crate) fn of(manifest: &Manifest) -> NodeLimits {
    let settings = &manifest.node;
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    NodeLimits {
        sessions: settings.sessions,
        ended_sessions_kept: count(settings.ended_sessions_kept),
        memory: settings.memory.map(Size::bytes).or_else(|| default_memory(manifest, memory_here()?)),
        cpu: settings.cpu,
        queue: count(settings.queue),
        queue_timeout: settings.queue_timeout,
    }
}

/// What is given out on a host with so many bytes of memory. One session of each server always fits.
fn default_memory(manifest: &Manifest, here: u64) -> Option<u64> {
    let runs_here = |server: &&Server| !matches!(server.kind, Kind::Url(_));
    let largest = manifest.servers.iter().filter(runs_here).map(|server| server.limits.memory.bytes()).max();
    let (part, whole) = FOR_SESSIONS;
    Some((here / whole).saturating_mul(part).saturating_mul(TIMES_OVER).max(largest?))
}

/// The budgets in words, as `sessile check` prints them.
pub(crate) fn in_words(limits: &NodeLimits) -> String {
    let memory = limits.memory.map_or_else(
        || "memory not counted".to_owned(),
        |bytes| format!("{:.1} GiB of memory", bytes as f64 / f64::from(1 << 30)),
    );
    let cpu = limits.cpu.map_or_else(|| "processors not counted".to_owned(), |cores| format!("{cores} processors"));
    let timeout = humantime::format_duration(limits.queue_timeout);
    format!("{} sessions, {memory}, {cpu}; {} starts may wait {timeout} each", limits.sessions, limits.queue)
}

/// Memory of this host, or less where a cgroup of this process has less.
fn memory_here() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let host = total(&read(Path::new("/proc/meminfo"))?)?;
    let cgroups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(&cgroups).into_iter().filter_map(|file| read(&file)?.trim().parse().ok());
    limits.chain([host]).min()
}

/// `MemTotal` of `/proc/meminfo` (`proc_meminfo(5)`), in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Where the limits of this process's cgroup, and of those above it, can stand (`cgroups(7)`). In a container the path
/// may be one of the host's; then the mount shows the container's own cgroup at its top, which is always among these.
fn limit_files(cgroups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let below = Path::new(path.trim_start_matches('/'));
        files.extend(below.ancestors().map(|below| Path::new(mount).join(below).join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessile_manifest::{Format, Surroundings, parse};

    fn manifest(text: &str) -> Manifest {
        let surroundings = Surroundings::new("/srv", |name| (name == "HOME").then(|| "/home/ada".to_owned()));
        parse(text, "sessile.toml", Format::Toml, &surroundings).unwrap()
    }

    #[test]
    fn the_manifest_has_the_last_word() {
        let limits =
            of(&manifest("[node]\nmemory = \"8GiB\"\ncpu = 3\nsessions = 7\n[servers.a]\ncommand = [\"a\"]\n"));
        assert_eq!((limits.memory, limits.cpu, limits.sessions), (Some(8 << 30), Some(3.0), 7));
        assert_eq!(in_words(&limits), "7 sessions, 8.0 GiB of memory, 3 processors; 256 starts may wait 5s each");
    }

    #[test]
    fn without_a_word_memory_is_that_of_the_host_several_times_over() {
        let plain = manifest("[servers.a]\ncommand = [\"a\"]\n");
        assert_eq!(default_memory(&plain, 10 << 30), Some(32 << 30));
        let large = manifest("[servers.a]\ncommand = [\"a\"]\nlimits.memory = \"64GiB\"\n");
        assert_eq!(default_memory(&large, 10 << 30), Some(64 << 30), "a session always fits");
        assert!(of(&plain).memory.is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn the_memory_of_a_host_is_read() {
        assert_eq!(total("MemTotal:       24680684 kB\nMemFree: 1 kB\n"), Some(24_680_684 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn limits_are_looked_for_up_to_the_top() {
        let files = |text| limit_files(text).iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            files("0::/a.slice/b\n"),
            ["/sys/fs/cgroup/a.slice/b/memory.max", "/sys/fs/cgroup/a.slice/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(
            files("5:cpu,cpuacct:/x\n4:memory:/x\n"),
            ["/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
    }
}
