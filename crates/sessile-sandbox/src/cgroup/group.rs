//! The cgroups of one sandbox: made before it, joined by its first process, removed after it.

use super::freeze::{self, NotFrozen};
use super::place::{Place, PlaceKind};
use super::{CgroupError, at, v1, v2, write};
use crate::{Limits, Usage};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a directory may stay busy after its last process was reaped.
const RELEASE: Duration = Duration::from_secs(2);

/// The first pause between two tries to remove a directory; it doubles.
const FIRST_PAUSE: Duration = Duration::from_micros(200);

/// The cgroups of one sandbox. Removing them twice is harmless. Dropping it kills what is in them and removes them.
#[derive(Debug, Default)]
pub(crate) struct Group {
    parts: Vec<Place>,
    /// Whether it was removed: its places may be another sandbox's by now, which has the same name.
    is_gone: AtomicBool,
}

/// How a new process gets into its cgroups.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    /// Files of version 1 that it writes `0` to, to move itself in.
    files: Vec<OwnedFd>,
    /// Of version 2: the directory to be born in, and the file to move in by where that cannot be.
    home: Option<(OwnedFd, OwnedFd)>,
}

impl Joining {
    /// For the raw code that clones: the directory of version 2 to be born in.
    pub(crate) fn birthplace(&self) -> Option<RawFd> {
        self.home.as_ref().map(|(directory, _)| directory.as_raw_fd())
    }

    /// For the raw code that runs before a new process's program does: the files to write to, with the one of version 2 or without.
    pub(crate) fn files(&self, born_in_place: bool) -> Vec<RawFd> {
        let late = self.home.as_ref().filter(|_| !born_in_place).map(|(_, procs)| procs);
        self.files.iter().chain(late).map(AsRawFd::as_raw_fd).collect()
    }
}

impl Group {
    /// Makes `id` below each of `places` and sets the limits.
    pub(crate) fn new(places: &[Place], id: &str, limits: &Limits) -> Result<Self, CgroupError> {
        let mut group = Self::default();
        for place in places {
            let path = place.path.join(id);
            // Not `create_dir_all`: a second sandbox of the same name would share the first one's limits.
            fs::create_dir(&path).map_err(at(&path))?;
            group.parts.push(Place { path, kind: place.kind.clone() });
        }
        for part in &group.parts {
            match &part.kind {
                PlaceKind::V1(controllers) => v1::limit(&part.path, controllers, limits)?,
                PlaceKind::V2(controllers) => v2::limit(&part.path, controllers, limits)?,
            }
        }
        Ok(group)
    }

    /// The cgroups of a sandbox that another runtime made.
    pub(crate) fn adopted(parts: Vec<Place>) -> Self {
        Self { parts, is_gone: AtomicBool::default() }
    }

    /// Where they are, for the runtime that comes next.
    pub(crate) fn parts(&self) -> &[Place] {
        &self.parts
    }

    /// Opens what a new process needs to get in.
    ///
    /// In version 1 it is `tasks`: a single thread that moves itself there skips the lock that makes a write to `cgroup.procs`
    /// wait about ten milliseconds for all processors. In version 2 it is the directory, for being born there.
    pub(crate) fn joining(&self) -> Result<Joining, CgroupError> {
        let open = |path: PathBuf, options: &OpenOptions| {
            let opened = options.open(&path).map_err(at(&path))?;
            above_standard(&opened).map_err(at(&path))
        };
        let (mut reading, mut writing) = (OpenOptions::new(), OpenOptions::new());
        reading.read(true);
        writing.write(true);
        let mut joining = Joining::default();
        for part in &self.parts {
            match part.kind {
                PlaceKind::V1(_) => joining.files.push(open(part.path.join("tasks"), &writing)?),
                PlaceKind::V2(_) => {
                    let directory = open(part.path.clone(), &reading)?;
                    joining.home = Some((directory, open(part.path.join("cgroup.procs"), &writing)?));
                }
            }
        }
        Ok(joining)
    }

    /// What the kernel has counted; what it does not count stays empty.
    pub(crate) fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for part in &self.parts {
            match &part.kind {
                PlaceKind::V1(controllers) => v1::count(&part.path, controllers, &mut usage),
                PlaceKind::V2(controllers) => v2::count(&part.path, controllers, &mut usage),
            }
        }
        usage
    }

    /// Whether the kernel can keep the group from swapping.
    pub(crate) fn limits_swap(&self) -> bool {
        self.parts.iter().any(|part| match part.kind {
            PlaceKind::V1(_) => v1::has_swap_limit(&part.path),
            PlaceKind::V2(_) => v2::has_swap_limit(&part.path),
        })
    }

    /// Stops everything in the group where it is; see [`freeze`].
    pub(crate) fn freeze(&self) -> Result<(), NotFrozen> {
        freeze::freeze(&self.parts)
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) -> Result<(), NotFrozen> {
        freeze::thaw(&self.parts)
    }

    /// Gives its memory back to the host, as far as that goes.
    pub(crate) fn reclaim(&self) {
        freeze::reclaim(&self.parts);
    }

    /// Whether there is no cgroup at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Kills everything in the group.
    pub(crate) fn kill(&self) {
        if self.is_gone.load(Ordering::Relaxed) {
            return;
        }
        for part in &self.parts {
            // One write where the kernel can (Linux 5.14, version 2).
            if write(&part.path, "cgroup.kill", "1").is_ok() {
                continue;
            }
            // No forks from here on, or a fork bomb would outrun the loop.
            let _ = write(&part.path, "pids.max", "0");
            let members = fs::read_to_string(part.path.join("cgroup.procs")).unwrap_or_default();
            for pid in members.lines().filter_map(|line| line.parse().ok()) {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        }
        // In version 1, what is frozen dies when it is thawed. Where nothing can be, nothing is.
        let _ = self.thaw();
    }

    /// Tries once to remove the directories. `true` if nothing is left.
    fn try_remove(&self) -> bool {
        let is_gone = self.parts.iter().filter(|part| !removed(&part.path)).count() == 0;
        self.is_gone.fetch_or(is_gone, Ordering::Relaxed);
        is_gone
    }

    /// Removes the directories, killing what is still in them. Blocks for 2 s at most; what is busy then is the keeper's.
    pub(crate) fn remove(&self) {
        let deadline = Instant::now() + RELEASE;
        let mut pause = FIRST_PAUSE;
        while !self.is_gone.load(Ordering::Relaxed) && !self.try_remove() && Instant::now() < deadline {
            self.kill();
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.remove();
    }
}

fn removed(path: &Path) -> bool {
    match fs::remove_dir(path) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes a node's directories, and the shared ones above if no other node is left.
pub(crate) fn remove_places(places: &[PathBuf]) {
    for path in places {
        if removed(path) {
            path.parent().map(removed);
        }
    }
}

/// A copy with a number that no standard descriptor or link can collide with.
pub(crate) fn above_standard(file: impl std::os::fd::AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(file, 16)?)
}

/// Microseconds of processor time per `period` microseconds; at least 1,000, which is the kernel's least.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
pub(super) fn quota(cpus: f64, period: u64) -> Option<u64> {
    let quota = (cpus * period as f64).round();
    (quota.is_finite() && quota > 0.0).then(|| (quota as u64).max(1000))
}
