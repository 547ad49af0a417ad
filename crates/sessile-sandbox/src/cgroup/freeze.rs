//! Stopping everything in a group where it is, and giving its memory back (`cgroups(7)`; the kernel's
//! `cgroup-v1/freezer-subsystem.rst`, `cgroup-v2.rst`).
//!
//! Processes that are frozen take no signal in version 1, not even `SIGKILL`: whoever kills them thaws them after.

use super::layout::Controller;
use super::place::{Place, PlaceKind};
use super::{CgroupError, number, row, write};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The switch of version 2, and what says that it has taken effect.
pub(super) const V2_SWITCH: &str = "cgroup.freeze";
const V2_EVENTS: &str = "cgroup.events";
/// The switch of version 1, which says so itself.
const V1_STATE: &str = "freezer.state";

/// How long a group may take to come to rest.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// The first pause between two looks; it doubles.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Why a group is not frozen.
#[derive(Debug)]
pub(crate) enum NotFrozen {
    /// None of its cgroups can do it.
    NoMeans,
    /// Something in it did not come to rest. It was thawed again.
    Late,
    /// The kernel said no.
    Failed(CgroupError),
}

impl From<CgroupError> for NotFrozen {
    fn from(error: CgroupError) -> Self {
        Self::Failed(error)
    }
}

/// Freezes what is in `parts`, the cgroups of one sandbox. Blocks until all of it rests, for [`PATIENCE`] at most.
pub(crate) fn freeze(parts: &[Place]) -> Result<(), NotFrozen> {
    let switch = Switch::of(parts).ok_or(NotFrozen::NoMeans)?;
    switch.turn(true)?;
    let (deadline, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
    while !switch.is_frozen() {
        if Instant::now() >= deadline {
            switch.turn(false)?;
            return Err(NotFrozen::Late);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// Lets what is in `parts` go on.
pub(crate) fn thaw(parts: &[Place]) -> Result<(), NotFrozen> {
    Switch::of(parts).ok_or(NotFrozen::NoMeans)?.turn(false)?;
    for part in parts {
        if let PlaceKind::V2(controllers) = &part.kind
            && has(controllers, "memory")
            && super::v2::has_swap_limit(&part.path)
            && number(&part.path, "memory.max").is_some()
        {
            // What was swapped out comes back as it is touched; nothing more goes.
            write(&part.path, "memory.swap.max", "0")?;
        }
    }
    Ok(())
}

/// Gives memory of what is in `parts` back to the host: caches, and where there is swap, everything. Blocks as long as that takes. The
/// kernel says no word of how far it got, so nothing is returned; the group's usage tells.
pub(crate) fn reclaim(parts: &[Place]) {
    for part in parts {
        match &part.kind {
            PlaceKind::V1(controllers) if controllers.contains(&Controller::Memory) => {
                // A kernel that has taken this away, as it says it will, leaves caches to be reclaimed when memory is short.
                let _ = write(&part.path, "memory.force_empty", "0");
            }
            PlaceKind::V2(controllers) if has(controllers, "memory") => {
                if super::v2::has_swap_limit(&part.path) {
                    // The limit that kept a server from swapping when it ran; nothing of it runs.
                    let _ = write(&part.path, "memory.swap.max", "max");
                }
                if let Some(bytes) = number(&part.path, "memory.current") {
                    // Less than everything is an error (EAGAIN), and still something. Linux 5.19.
                    let _ = write(&part.path, "memory.reclaim", &bytes.to_string());
                }
            }
            PlaceKind::V1(_) | PlaceKind::V2(_) => {}
        }
    }
}

/// Thaws every cgroup right below `directory`, which a node that is gone has left.
pub(crate) fn thaw_below(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        // What cannot be thawed is not frozen, or not there any more.
        let _ = (write(&entry.path(), V1_STATE, "THAWED"), write(&entry.path(), V2_SWITCH, "0"));
    }
}

fn has(controllers: &[String], name: &str) -> bool {
    controllers.iter().any(|controller| controller == name)
}

/// The one cgroup of a sandbox that freezes it.
enum Switch<'a> {
    V1(&'a Path),
    V2(&'a Path),
}

impl<'a> Switch<'a> {
    fn of(parts: &'a [Place]) -> Option<Self> {
        parts.iter().find_map(|part| match &part.kind {
            PlaceKind::V1(controllers) => controllers.contains(&Controller::Freezer).then_some(Self::V1(&part.path)),
            PlaceKind::V2(_) => part.path.join(V2_SWITCH).exists().then_some(Self::V2(&part.path)),
        })
    }

    fn turn(&self, frozen: bool) -> Result<(), CgroupError> {
        match self {
            Self::V1(path) => write(path, V1_STATE, if frozen { "FROZEN" } else { "THAWED" }),
            Self::V2(path) => write(path, V2_SWITCH, if frozen { "1" } else { "0" }),
        }
    }

    fn is_frozen(&self) -> bool {
        match self {
            Self::V1(path) => fs::read_to_string(path.join(V1_STATE)).is_ok_and(|state| state.trim() == "FROZEN"),
            Self::V2(path) => row(path, V2_EVENTS, "frozen") == Some(1),
        }
    }
}
