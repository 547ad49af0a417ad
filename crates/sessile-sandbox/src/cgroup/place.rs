//! The directories below which this node's sandboxes get their cgroups: `…/sessile/<node>` in each hierarchy used.

use super::group::{Group, remove_places};
use super::layout::{self, Controller, Facts, Hierarchy, Kind, Plan};
use super::{CgroupError, at, freeze, write};
use crate::Limits;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What a sandbox is held by, in version 2's words.
const WANTED: [&str; 3] = ["memory", "pids", "cpu"];

/// The directory that all nodes of a host share.
const SHARED: &str = "sessile";

/// Where a runtime moves to when a cgroup was delegated to it.
const RUNTIME: &str = "sessile-runtime";

/// How much all sandboxes of a node together weigh against one process outside when processors are short. With the
/// kernel's own 1, a hundred busy servers share what a single shell gets, and calls wait for a second; without a bound
/// they would leave the runtime nothing.
const WEIGHT: u32 = 8;

/// One directory of this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// `…/sessile/<node>`.
    pub(crate) path: PathBuf,
    /// What it controls.
    pub(crate) kind: PlaceKind,
}

/// What a [`Place`] controls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PlaceKind {
    /// Version 1, with these controllers.
    V1(Vec<Controller>),
    /// Version 2, with these controllers.
    V2(Vec<String>),
}

/// All directories of this node, and why some are missing.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// The ones to use.
    pub(crate) places: Vec<Place>,
    /// Why hierarchies that exist cannot be used.
    pub(crate) refused: Vec<CgroupError>,
}

impl Places {
    /// Makes this node's directories wherever this process may, and keeps those in which `limits` can be set: a kernel may lack a
    /// limit though it has the controller.
    pub(crate) fn claim(node: &str, limits: &Limits) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let hierarchies = layout::read(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let mut out = Self::default();
        for hierarchy in hierarchies {
            match claim(&hierarchy, node).and_then(|place| place.map(|place| proven(place, limits)).transpose()) {
                Ok(place) => out.places.extend(place),
                Err(error) => out.refused.push(error),
            }
        }
        // One hierarchy may be mounted twice.
        out.places.dedup_by(|a, b| a.path == b.path);
        out
    }

    /// Whether a controller can be used.
    pub(crate) fn have(&self, controller: Controller) -> bool {
        self.places.iter().any(|place| match &place.kind {
            PlaceKind::V1(controllers) => controllers.contains(&controller),
            PlaceKind::V2(controllers) => {
                let is_there = match controller {
                    Controller::CpuAccounting => true,
                    // Linux 5.2; seen on a cgroup that is not the root.
                    Controller::Freezer => place.path.join(freeze::V2_SWITCH).exists(),
                    _ => false,
                };
                is_there || controllers.iter().any(|name| name == controller.name())
            }
        })
    }
}

/// Sets limits on a trial cgroup, which goes at once.
fn proven(place: Place, limits: &Limits) -> Result<Place, CgroupError> {
    match Group::new(std::slice::from_ref(&place), "trial", limits) {
        Ok(_) => Ok(place),
        Err(error) => {
            remove_places(&[place.path]);
            Err(error)
        }
    }
}

fn claim(hierarchy: &Hierarchy, node: &str) -> Result<Option<Place>, CgroupError> {
    match &hierarchy.kind {
        Kind::V1(controllers) => {
            let shared = hierarchy.own.join(SHARED);
            let path = make(&shared.join(node))?;
            if controllers.contains(&Controller::Cpu) {
                for directory in [&shared, &path] {
                    write(directory, "cpu.shares", &(1024 * WEIGHT).to_string())?;
                }
            }
            Ok(Some(Place { path, kind: PlaceKind::V1(controllers.clone()) }))
        }
        Kind::V2 => claim_v2(hierarchy, node),
    }
}

/// In version 2 every directory on the way down must pass the controllers on.
fn claim_v2(hierarchy: &Hierarchy, node: &str) -> Result<Option<Place>, CgroupError> {
    let way = way_up(hierarchy);
    let available = way.first().map(|own| own.available.as_slice()).unwrap_or_default();
    let wanted: Vec<_> = WANTED.into_iter().filter(|name| available.iter().any(|a| a == name)).collect();
    if wanted.is_empty() {
        return Ok(None); // a hybrid host: the controllers are version 1's, and joining this too would only cost time
    }
    let base = match layout::plan(&way, &wanted) {
        Some(Plan::Below(path)) => path,
        Some(Plan::BelowAfterMoving(path)) => {
            let own = make(&path.join(RUNTIME))?;
            write(&own, "cgroup.procs", "0")?;
            path
        }
        None => {
            let path = hierarchy.own.clone();
            let source = std::io::Error::other("it is not delegated to this user, or other processes live in it");
            return Err(CgroupError { path, source });
        }
    };
    let shared = base.join(SHARED);
    let path = make(&shared.join(node))?;
    for directory in [&base, &shared, &path] {
        for name in &wanted {
            write(directory, "cgroup.subtree_control", &format!("+{name}"))?;
        }
    }
    if wanted.contains(&"cpu") {
        for directory in [&shared, &path] {
            write(directory, "cpu.weight", &(100 * WEIGHT).to_string())?;
        }
    }
    let controllers = wanted.into_iter().map(str::to_owned).collect();
    Ok(Some(Place { path, kind: PlaceKind::V2(controllers) }))
}

/// Tries to make a directory whose parent another node, ending, keeps removing.
const TRIES: u32 = 16;

fn make(path: &Path) -> Result<PathBuf, CgroupError> {
    let mut made = fs::create_dir_all(path);
    for _ in 0..TRIES {
        match &made {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => made = fs::create_dir_all(path),
            _ => break,
        }
    }
    made.map_err(at(path))?;
    Ok(path.to_owned())
}

/// Looks at the directories from this process's own cgroup up to the top.
fn way_up(hierarchy: &Hierarchy) -> Vec<Facts> {
    let ancestors = hierarchy.own.ancestors();
    ancestors.take_while(|path| path.starts_with(&hierarchy.top)).map(facts).collect()
}

fn facts(path: &Path) -> Facts {
    let words = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(path.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let own = std::process::id().to_string();
    let may_write = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    Facts {
        path: path.to_owned(),
        writable: rustix::fs::access(path, may_write).is_ok(),
        // Only the root has no type.
        root: !path.join("cgroup.type").exists(),
        others: words("cgroup.procs").iter().filter(|pid| **pid != own).count(),
        available: words("cgroup.controllers"),
        passed_on: words("cgroup.subtree_control"),
    }
}
