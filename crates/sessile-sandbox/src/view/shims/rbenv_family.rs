//! pyenv and the others that descend from rbenv: a variable, a file above the working directory, a global file.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::program::{is_executable, locate_except};
use super::{Choice, Shim, ViewError};

/// One of the family.
#[derive(Debug)]
pub(super) struct Manager {
    name: &'static str,
    /// Its shims export this.
    root: &'static str,
    variable: &'static str,
    file: &'static str,
}

const FAMILY: [Manager; 4] = [
    Manager { name: "pyenv", root: "PYENV_ROOT", variable: "PYENV_VERSION", file: ".python-version" },
    Manager { name: "rbenv", root: "RBENV_ROOT", variable: "RBENV_VERSION", file: ".ruby-version" },
    Manager { name: "nodenv", root: "NODENV_ROOT", variable: "NODENV_VERSION", file: ".node-version" },
    Manager { name: "goenv", root: "GOENV_ROOT", variable: "GOENV_VERSION", file: ".go-version" },
];

/// Whose shim this text is.
pub(super) fn manager_of(text: &str) -> Option<&'static Manager> {
    // `NODENV_ROOT` ends in no other name, but `PYENV_ROOT` must not be found in it either.
    FAMILY
        .iter()
        .find(|manager| text.split(|c: char| !c.is_ascii_uppercase() && c != '_').any(|word| word == manager.root))
}

/// The first selected version that has the program.
pub(super) fn choose(shim: &Shim<'_>, root: &Path, manager: &Manager) -> Result<Choice, ViewError> {
    let (versions, by) = selection(shim, root, manager);
    for version in &versions {
        if version == "system" {
            let elsewhere = locate_except(shim.name, shim.host, shim.base, |directory| directory.ends_with("shims"));
            if let Ok(path) = elsewhere {
                return Ok(Choice { path, reason: format!("{} (system, by {by})", manager.name) });
            }
        } else if let Some(path) =
            installed(root, version).map(|prefix| prefix.join("bin").join(shim.name)).filter(|path| is_executable(path))
        {
            return Ok(Choice { path, reason: format!("{} ({version}, by {by})", manager.name) });
        }
    }
    let others = providing(root, shim.name);
    let hint = if others.is_empty() {
        "no installed version has it".to_owned()
    } else {
        format!("{} has it; select it with {} or in {}", others.join(", "), manager.variable, manager.file)
    };
    Err(shim.leads_nowhere(
        manager.name,
        format!("{by} selects {}, which has no {}; {hint}", versions.join(", "), shim.name),
    ))
}

fn selection(shim: &Shim<'_>, root: &Path, manager: &Manager) -> (Vec<String>, String) {
    if let Some(value) = shim.host.get(manager.variable) {
        return (value.split(':').map(str::to_owned).collect(), manager.variable.to_owned());
    }
    for file in [shim.nearest_file(manager.file), Some(root.join("version"))].into_iter().flatten() {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let versions: Vec<String> = lines.flat_map(str::split_whitespace).map(str::to_owned).collect();
        if !versions.is_empty() {
            return (versions, file.display().to_string());
        }
    }
    (vec!["system".to_owned()], "default".to_owned())
}

/// The prefix of a version; `3.11` is the newest installed `3.11.x`.
fn installed(root: &Path, version: &str) -> Option<PathBuf> {
    let versions = root.join("versions");
    let exact = versions.join(version);
    if exact.is_dir() {
        return Some(exact);
    }
    let start = format!("{version}.");
    let names = fs::read_dir(&versions).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let newest = names.filter(|name| name.starts_with(&start)).max_by_key(|name| numbers(name))?;
    Some(versions.join(newest))
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn providing(root: &Path, program: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join("versions")).into_iter().flatten().flatten();
    let with = entries.filter(|entry| is_executable(&entry.path().join("bin").join(program)));
    let mut names: Vec<String> = with.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
