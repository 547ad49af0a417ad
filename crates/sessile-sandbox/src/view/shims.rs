//! Version managers put shims in `PATH` that choose a version when they run. Inside there is nothing to choose from, so
//! the choice is made here, once, as the manager would make it.

mod asdf;
mod asking;
mod rbenv_family;

use std::path::{Path, PathBuf};

use super::{HostEnv, ViewError};

/// What a shim leads to.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) path: PathBuf,
    /// Who chose it, and by what.
    pub(super) reason: String,
}

/// A shim was found, and where from.
struct Shim<'a> {
    path: &'a Path,
    name: &'a str,
    host: &'a HostEnv,
    /// The directory whose version files count.
    base: &'a Path,
}

impl Shim<'_> {
    fn leads_nowhere(&self, manager: &'static str, reason: String) -> ViewError {
        ViewError::Shim { shim: self.path.into(), manager, reason }
    }

    /// The nearest file of this name at or above the working directory.
    fn nearest_file(&self, name: &str) -> Option<PathBuf> {
        self.base.ancestors().map(|directory| directory.join(name)).find(|file| file.is_file())
    }
}

/// What `found` leads to if it is the shim of a version manager; `None` if it is a program like any other.
pub(super) fn resolve(found: &Path, host: &HostEnv, base: &Path) -> Result<Option<Choice>, ViewError> {
    let Some(name) = found.file_name().and_then(|name| name.to_str()) else {
        return Ok(None);
    };
    let shim = Shim { path: found, name, host, base };
    if let Some(manager) = asking::manager_of(&shim) {
        return asking::choose(&shim, &manager).map(Some);
    }
    let root = found
        .parent()
        .filter(|directory| directory.file_name().is_some_and(|name| name == "shims"))
        .and_then(Path::parent);
    let Some(root) = root else { return Ok(None) };
    let Ok(text) = std::fs::read_to_string(found) else {
        return Ok(None);
    };
    if text.contains("asdf-plugin:") {
        return asdf::choose(&shim, root, &text).map(Some);
    }
    match rbenv_family::manager_of(&text) {
        Some(manager) => rbenv_family::choose(&shim, root, manager).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
