//! cgroups: limits and counters for a whole process tree. Where they lie on this host is read by [`layout`], which is
//! pure; what the two versions call things is in [`v1`] and [`v2`], and of stopping a group where it is, in [`freeze`]; a sandbox's own are a [`Group`].

pub(crate) mod freeze;
mod group;
pub(crate) mod layout;
mod place;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

pub(crate) use group::{Group, Joining, above_standard, remove_places};
pub(crate) use layout::Controller;
#[cfg(test)]
pub(crate) use place::PlaceKind;
pub(crate) use place::{Place, Places};

use std::io;
use std::path::{Path, PathBuf};

/// A file or directory of a cgroup that could not be used.
#[derive(Debug)]
pub(crate) struct CgroupError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Wraps an error with the path it is about, for use with `map_err`.
fn at(path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_owned();
    move |source| CgroupError { path, source }
}

/// Writes a control file.
fn write(directory: &Path, file: &str, value: &str) -> Result<(), CgroupError> {
    let path = directory.join(file);
    // Never creates: a control file is there or the kernel does not have it.
    let opened = std::fs::OpenOptions::new().write(true).open(&path);
    let written = opened.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
    written.map_err(at(&path))
}

/// A control file that holds one number; `None` where there is none, or it says `max`.
fn number(directory: &Path, file: &str) -> Option<u64> {
    std::fs::read_to_string(directory.join(file)).ok()?.trim().parse().ok()
}

/// One row of a control file of `name number` rows.
fn row(directory: &Path, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(directory.join(file)).ok()?;
    let mut rows = text.lines().filter_map(|line| line.split_once(' '));
    rows.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}
