//! The programs that distributions bring, as their `RECORD` files list them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{normal, text};

/// How a distribution is run when no program was named.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// By its script of this name.
    Script(String),
    /// By `python -m`: it has no script, and a `__main__`.
    Module(String),
    /// Not at all, or it is not clear how.
    None,
}

/// Where scripts lie, seen from `site-packages`.
const BIN: &str = "../../../bin/";

/// What starts each program of the environment, with paths as they will be.
pub(super) fn of_all(made: &Path, venv: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let python = text(&venv.join("bin/python"));
    let mut programs = BTreeMap::new();
    for distribution in distributions(made)? {
        for name in scripts(&distribution) {
            let script = text(&venv.join("bin").join(&name));
            let is_python = is_for_python(&made.join("bin").join(&name));
            let command = if is_python { vec![python.clone(), script] } else { vec![script] };
            programs.insert(name, command);
        }
    }
    Ok(programs)
}

/// The program that a distribution is for: of its own name, or its only one.
pub(super) fn default(made: &Path, name: &str) -> Result<Default, String> {
    let own =
        distributions(made)?.into_iter().find(|distribution| name_of(distribution).as_deref() == Some(&normal(name)));
    let Some(distribution) = own else { return Ok(Default::None) };
    let scripts = scripts(&distribution);
    if let Some(script) = super::find_program(scripts.iter(), name) {
        return Ok(Default::Script(script.clone()));
    }
    if let [only] = scripts.as_slice() {
        return Ok(Default::Script(only.clone()));
    }
    let module = normal(name).replace('-', "_");
    let site = distribution.parent().unwrap_or(made);
    if scripts.is_empty() && site.join(&module).join("__main__.py").is_file() {
        return Ok(Default::Module(module));
    }
    Ok(Default::None)
}

/// The `.dist-info` directories.
fn distributions(made: &Path) -> Result<Vec<PathBuf>, String> {
    let below = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let library =
        below(&made.join("lib")).into_iter().map(|path| path.join("site-packages")).find(|path| path.is_dir());
    let library = library.ok_or("the virtual environment has no site-packages")?;
    let mut found = below(&library);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "dist-info"));
    found.sort();
    Ok(found)
}

/// `name-1.2.dist-info` is the distribution `name`.
fn name_of(distribution: &Path) -> Option<String> {
    let stem = distribution.file_stem()?.to_str()?;
    Some(normal(stem.split_once('-')?.0))
}

fn scripts(distribution: &Path) -> Vec<String> {
    let record = fs::read_to_string(distribution.join("RECORD")).unwrap_or_default();
    let names = record.lines().filter_map(|line| line.strip_prefix(BIN)?.split(',').next());
    let mut names: Vec<String> =
        names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether a script is Python, also where its interpreter's path is too long for `#!` and pip went through `sh`.
fn is_for_python(script: &Path) -> bool {
    let bytes = fs::read(script).unwrap_or_default();
    let start = String::from_utf8_lossy(bytes.get(..bytes.len().min(512)).unwrap_or_default()).into_owned();
    let mut lines = start.lines();
    let first = lines.next().unwrap_or_default();
    first.starts_with("#!")
        && (first.contains("python") || lines.next().is_some_and(|line| line.starts_with("'''exec'")))
}

#[cfg(test)]
mod tests;
