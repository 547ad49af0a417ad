//! What all sandboxes of this runtime share: a name, the cgroup directories below which theirs lie, and the keeper.

use crate::cgroup::{Place, Places, freeze, remove_places};
use crate::process::init_image::InitImage;
use crate::process::keeper::Keeper;
use crate::process::rendezvous::Rendezvous;
use crate::process::trial;
use crate::{DriverError, process_tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// This runtime among others on the host. Dropped after the last sandbox; then its directories go.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) places: Places,
    /// Directories that go with it although another runtime made them.
    others: Mutex<Vec<PathBuf>>,
    keeper: Option<Keeper>,
    /// Where the next runtime finds its sandboxes. (Dropped last: as long as anything is left, somebody has the lease.)
    pub(crate) rendezvous: Option<Rendezvous>,
}

/// This process's number and when it started: never the same twice while the host is up.
pub(crate) fn identity() -> (u32, u64) {
    let pid = std::process::id();
    (pid, process_tree::started(pid).unwrap_or(0))
}

/// The directory name of the next node of this process: who made it, and a number, since a process may have two drivers.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (pid, started) = identity();
    format!("{pid}-{started}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether a directory was made by a node whose process is gone. What no node made is nobody's business here.
pub(crate) fn is_dead(name: &str) -> bool {
    let mut parts = name.split('-').map_while(|part| part.parse::<u64>().ok());
    let (Some(pid), Some(started), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    u32::try_from(pid).is_ok_and(|pid| process_tree::started(pid) != Some(started))
}

impl Node {
    /// Makes the directories, and starts a keeper if there are any.
    pub(crate) fn new(image: &InitImage, with_cgroups: bool, rendezvous: Option<&Path>) -> Result<Self, DriverError> {
        let name = name();
        let meet = |base: &Path| {
            let failed = |source| DriverError::Rendezvous { path: base.to_owned(), source };
            Rendezvous::create(base, &name).map_err(failed)
        };
        let rendezvous = rendezvous.map(meet).transpose()?;
        let places = if with_cgroups { Places::claim(&name, &trial::LIMITS) } else { Places::default() };
        let mut node = Self { places, others: Mutex::default(), keeper: None, rendezvous };
        let paths = node.paths();
        if !paths.is_empty() {
            let lease = node.rendezvous.as_ref().map(Rendezvous::path);
            let left = dead(&paths);
            // Should nobody have done it who outlived that node: what is frozen can neither end nor be found.
            left.iter().for_each(|path| freeze::thaw_below(path));
            node.keeper = Some(Keeper::start(image, &paths, &left, lease).map_err(DriverError::Keeper)?);
        }
        Ok(node)
    }

    /// A runtime that is gone, whose sandboxes are taken over. Its keeper waits until its lease is given up.
    pub(crate) fn of_another(rendezvous: Rendezvous) -> Self {
        Self { places: Places::default(), others: Mutex::default(), keeper: None, rendezvous: Some(rendezvous) }
    }

    /// Learns of the cgroups of a sandbox that was taken over: the directories above them go with this node.
    pub(crate) fn owns(&self, cgroups: &[Place]) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        for above in cgroups.iter().filter_map(|cgroup| cgroup.path.parent()) {
            if !others.iter().any(|known| known == above) {
                others.push(above.to_owned());
            }
        }
    }

    /// For plain processes: cgroups and a keeper if they can be had, else nothing.
    pub(crate) fn for_unsandboxed() -> Self {
        let node = InitImage::new().map_err(DriverError::InitImage).and_then(|image| Self::new(&image, true, None));
        let none = || Self { places: Places::default(), others: Mutex::default(), keeper: None, rendezvous: None };
        node.unwrap_or_else(|_| none())
    }

    /// Says that a sandbox may outlive the runtime this long.
    pub(crate) fn allow(&self, orphan_grace: Duration) {
        if let Some(keeper) = &self.keeper {
            keeper.allow(orphan_grace);
        }
    }

    /// Whether something removes the cgroups when this process is killed.
    pub(crate) fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.places.places.iter().map(|place| place.path.clone()).collect()
    }
}

/// Directories that dead nodes left beside these.
fn dead(paths: &[PathBuf]) -> Vec<PathBuf> {
    let beside = paths.iter().filter_map(|path| fs::read_dir(path.parent()?).ok());
    let entries = beside.flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_dead)).map(|entry| entry.path()).collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        remove_places(&self.paths());
        remove_places(self.others.get_mut().unwrap_or_else(PoisonError::into_inner));
    }
}
