//! What a node leaves behind: nothing, or a test fails.

use crate::procfs::{self, Process};
use crate::wait;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything by which what belongs to a node can be known once the node is gone.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// A part of the path of its home: in the command lines of its servers, and of its mounts.
    mark: String,
    processes: HashSet<Process>,
    pid_namespaces: Namespaces,
    network_namespaces: Namespaces,
    cgroups: HashSet<PathBuf>,
}

/// Namespaces by their numbers. They are held open: the kernel gives the number of one that is gone to the next, which may be another test's.
type Namespaces = HashMap<u64, Arc<File>>;

impl Footprint {
    /// Of a node whose home has `mark` in its path, as it is now.
    pub fn of(node: u32, mark: &str) -> Self {
        let mut footprint = Self {
            mark: mark.to_owned(),
            processes: HashSet::new(),
            pid_namespaces: Namespaces::new(),
            network_namespaces: Namespaces::new(),
            cgroups: HashSet::new(),
        };
        footprint.look(node);
        footprint
    }

    /// Adds what the node has made since.
    pub fn look(&mut self, node: u32) {
        let this = std::process::id();
        let foreign = |pid: u32, kind: &str| {
            let own = procfs::namespace(this, kind);
            let held = File::open(format!("/proc/{pid}/ns/{kind}")).ok()?;
            let number = held.metadata().ok()?.ino();
            (Some(number) != own).then(|| (number, Arc::new(held)))
        };
        let mut family = procfs::descendants(node);
        family.extend(procfs::process(node));
        for process in family {
            self.pid_namespaces.extend(foreign(process.pid, "pid"));
            self.network_namespaces.extend(foreign(process.pid, "net"));
            self.cgroups.extend(procfs::cgroups(process.pid).iter().flat_map(|path| own_cgroups(path)));
            self.processes.insert(process);
        }
    }

    /// What is left of it, in words.
    pub fn remains(&self) -> Vec<String> {
        let mut found = Vec::new();
        let pids: HashSet<_> = self.processes.iter().map(|process| process.pid).collect();
        for process in procfs::processes() {
            if process.is_zombie && !pids.contains(&process.parent) {
                // It has ended, and left the node's family: whoever adopted it has not noticed yet.
                continue;
            }
            let known = self.processes.iter().any(|p| (p.pid, p.started) == (process.pid, process.started));
            let inside = |kind: &str, set: &Namespaces| {
                !set.is_empty() && procfs::namespace(process.pid, kind).is_some_and(|number| set.contains_key(&number))
            };
            let line = procfs::command_line(process.pid);
            if known
                || line.contains(&self.mark)
                || inside("pid", &self.pid_namespaces)
                || inside("net", &self.network_namespaces)
            {
                let state = if process.is_zombie { " (zombie)" } else { "" };
                found.push(format!("process {}{state}, child of {}: {line}", process.pid, process.parent));
            }
        }
        let left = self.cgroups.iter().filter(|path| path.exists());
        found.extend(left.map(|path| format!("cgroup {}", path.display())));
        let mounts = procfs::mounts();
        found.extend(mounts.lines().filter(|line| line.contains(&self.mark)).map(|line| format!("mount {line}")));
        found
    }

    /// Waits until nothing is left.
    ///
    /// # Errors
    /// What is still there after `within`.
    pub fn is_gone(&self, within: Duration) -> Result<(), String> {
        let mut left = Vec::new();
        wait::blocking(within, || {
            left = self.remains();
            left.is_empty().then_some(())
        })
        .ok_or_else(|| format!("left behind after {within:?}:\n  {}", left.join("\n  ")))
    }
}

/// What all nodes of a host share, and what a node moves into itself: it goes with whoever delegated it.
const SHARED: [&str; 2] = ["sessile", "sessile-runtime"];

/// A cgroup and those above it, up to the first that this test lives in or below as well.
fn own_cgroups(path: &Path) -> Vec<PathBuf> {
    let of_this_test = procfs::cgroups(std::process::id());
    let shared = |path: &Path| of_this_test.iter().any(|own| own.starts_with(path));
    path.ancestors()
        .take_while(|path| !shared(path))
        .filter(|path| path.starts_with("/sys/fs/cgroup") && !is_hierarchy(path))
        .filter(|path| !SHARED.iter().any(|name| path.ends_with(name)))
        .map(Path::to_owned)
        .collect()
}

/// Whether this is where a hierarchy is mounted.
fn is_hierarchy(path: &Path) -> bool {
    procfs::mounts().lines().any(|line| line.split(' ').nth(4).is_some_and(|target| Path::new(target) == path))
}

/// The cgroups, in any hierarchy, with `text` in their path.
pub fn cgroups_with(text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(Path::new("/sys/fs/cgroup"), text, &mut found);
    found
}

fn gather(directory: &Path, text: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            if entry.file_name().to_string_lossy().contains(text) {
                found.push(path.clone());
            }
            gather(&path, text, found);
        }
    }
}
