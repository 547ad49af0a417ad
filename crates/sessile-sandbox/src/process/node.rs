//! What all sandboxes of this runtime share: a name, the cgroup directories below which theirs lie, and the keeper.

use crate::cgroup::{Places, remove_places};
use crate::process::init_image::InitImage;
use crate::process::keeper::Keeper;
use crate::process::trial;
use crate::process_tree;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// This runtime among others on the host. Dropped after the last sandbox; then its directories go.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) places: Places,
    keeper: Option<Keeper>,
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
fn is_dead(name: &str) -> bool {
    let mut parts = name.split('-').map_while(|part| part.parse::<u64>().ok());
    let (Some(pid), Some(started), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    u32::try_from(pid).is_ok_and(|pid| process_tree::started(pid) != Some(started))
}

impl Node {
    /// Makes the directories, and starts a keeper if there are any.
    pub(crate) fn new(image: &InitImage, with_cgroups: bool) -> io::Result<Self> {
        let places = if with_cgroups { Places::claim(&name(), &trial::LIMITS) } else { Places::default() };
        let mut node = Self { places, keeper: None };
        let paths = node.paths();
        if !paths.is_empty() {
            node.keeper = Some(Keeper::start(image, &paths, &dead(&paths))?);
        }
        Ok(node)
    }

    /// For plain processes: cgroups and a keeper if they can be had, else nothing.
    pub(crate) fn for_unsandboxed() -> Self {
        let node = InitImage::new().and_then(|image| Self::new(&image, true));
        node.unwrap_or_else(|_| Self { places: Places::default(), keeper: None })
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
    }
}
