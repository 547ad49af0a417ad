//! Where this process's cgroups are: read from `/proc/self/mountinfo` and `/proc/self/cgroup` (`cgroups(7)`). Pure.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a sandbox is held by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Controller {
    /// Limits and counts memory.
    Memory,
    /// Limits and counts processes and threads.
    Pids,
    /// Limits processor time; in version 2 it counts it too.
    Cpu,
    /// Counts processor time, in version 1.
    CpuAccounting,
    /// Freezes, in version 1; in version 2 every cgroup can.
    Freezer,
}

impl Controller {
    const ALL: [Self; 5] = [Self::Memory, Self::Pids, Self::Cpu, Self::CpuAccounting, Self::Freezer];

    /// The kernel's name of it in version 1, and in version 2 where it exists there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::CpuAccounting => "cpuacct",
            Self::Freezer => "freezer",
        }
    }
}

/// One mounted hierarchy and this process's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// The directory of this process's own cgroup.
    pub(crate) own: PathBuf,
    /// The topmost directory that can be seen.
    pub(crate) top: PathBuf,
    /// Which version, and what it controls.
    pub(crate) kind: Kind,
}

/// A hierarchy's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Version 1, with these controllers.
    V1(Vec<Controller>),
    /// Version 2; its controllers are listed in its own files.
    V2,
}

/// Reads the hierarchies that matter to a sandbox.
pub(crate) fn read(mountinfo: &str, own_cgroups: &str) -> Vec<Hierarchy> {
    mountinfo.lines().filter_map(|line| hierarchy(line, own_cgroups)).collect()
}

/// One line of `mountinfo` (`proc_pid_mountinfo(5)`): `id parent dev root point options [tags] - type source options`.
fn hierarchy(line: &str, own_cgroups: &str) -> Option<Hierarchy> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, point) = (unescape(mount.next()?), unescape(mount.next()?));
    let mut filesystem = filesystem.split(' ');
    let kind = match filesystem.next()? {
        "cgroup2" => Kind::V2,
        "cgroup" => {
            let options = filesystem.nth(1)?;
            let named = |controller: &Controller| options.split(',').any(|o| o == controller.name());
            let controllers: Vec<_> = Controller::ALL.into_iter().filter(named).collect();
            if controllers.is_empty() {
                return None;
            }
            Kind::V1(controllers)
        }
        _ => return None,
    };
    let path = own_path(&kind, own_cgroups)?;
    // A container sees the hierarchy from its own cgroup down: then `root` is where the mount begins. What lies outside
    // (`..`) cannot be reached.
    let inside = Path::new(path).strip_prefix(&root).ok()?;
    let top = PathBuf::from(point);
    Some(Hierarchy { own: top.join(inside), top, kind })
}

/// This process's path in a hierarchy: a line of `/proc/self/cgroup`, `id:controllers:path`.
fn own_path<'a>(kind: &Kind, own_cgroups: &'a str) -> Option<&'a str> {
    own_cgroups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let wanted = match kind {
            Kind::V2 => controllers.is_empty(),
            Kind::V1(wanted) => {
                let first = wanted.first()?.name();
                controllers.split(',').any(|name| name == first)
            }
        };
        wanted.then_some(path)
    })
}

/// Paths in `mountinfo` write space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        out = out.replace(code, plain);
    }
    out
}

/// What can be found out about a directory of version 2 on the way from this process's cgroup to the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Which directory.
    pub(crate) path: PathBuf,
    /// Whether this process may make cgroups in it.
    pub(crate) writable: bool,
    /// Whether it is the root of the whole hierarchy, which is exempt from the rule that inner cgroups hold no processes.
    pub(crate) root: bool,
    /// How many processes other than this one are directly in it.
    pub(crate) others: usize,
    /// `cgroup.controllers`: what it could pass on.
    pub(crate) available: Vec<String>,
    /// `cgroup.subtree_control`: what it passes on already.
    pub(crate) passed_on: Vec<String>,
}

/// Where in version 2 sandboxes can live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Below this directory, as it is.
    Below(PathBuf),
    /// Below this directory, once this process has moved to a cgroup of its own in it: it was delegated to this process
    /// alone, and a cgroup that passes controllers on must hold no process itself.
    BelowAfterMoving(PathBuf),
}

/// Picks a place in version 2. `way` leads from this process's own cgroup up to the top.
///
/// The own cgroup comes first, so that a limit set on the runtime covers its sandboxes too. An ancestor serves only if it passes
/// every wanted controller on, and only a privileged process can use one.
pub(crate) fn plan(way: &[Facts], wanted: &[&str]) -> Option<Plan> {
    let passes = |names: &[String]| wanted.iter().all(|name| names.iter().any(|n| n == name));
    if let Some(own) = way.first().filter(|own| own.writable && passes(&own.available)) {
        if own.root || passes(&own.passed_on) {
            return Some(Plan::Below(own.path.clone()));
        }
        if own.others == 0 {
            return Some(Plan::BelowAfterMoving(own.path.clone()));
        }
    }
    let above = way.iter().skip(1);
    above.filter(|facts| facts.writable && passes(&facts.available)).find_map(|facts| {
        let usable = facts.root || passes(&facts.passed_on);
        usable.then(|| Plan::Below(facts.path.clone()))
    })
}
