//! What belongs to a binary: the prefix that it was installed under.

use std::fs;
use std::path::{Path, PathBuf};

use super::gathering::Gathering;
use super::guard::{self, Refusal};
use super::{arguments, program};
use crate::FileView;

/// Files that only an installation has, so that it is shown even where a user's settings lie: a venv, Conda, Homebrew.
const MARKS: [&str; 3] = ["pyvenv.cfg", "conda-meta", "Cellar"];

/// Shows what a program, or one of the links that lead to it, needs around it: `PREFIX/bin/x` brings `PREFIX`. Where
/// the prefix cannot be shown (`~/bin/x`), the file comes alone.
pub(super) fn bring(gathering: &mut Gathering<'_>, binary: &Path) {
    if guard::is_system(binary) {
        return;
    }
    if guard::store_of(binary).is_some() {
        return gathering.show(binary, "a store whose packages refer to each other");
    }
    let Some(prefix) = prefix_of(binary) else {
        return bring_loose(gathering, binary);
    };
    let refusal = gathering.guard.refuses(prefix);
    let is_installation = MARKS.iter().any(|mark| prefix.join(mark).exists());
    if refusal.is_some_and(|refusal| refusal != Refusal::Personal || !is_installation) {
        return bring_alone(gathering, binary);
    }
    gathering.show(prefix, &format!("the prefix of {}", binary.display()));
    if let Some(base) = base_of_venv(prefix) {
        for link in program::links_of(&base) {
            bring(gathering, &link);
        }
    }
}

/// `PREFIX` of `PREFIX/bin/x`.
pub(super) fn prefix_of(binary: &Path) -> Option<&Path> {
    let directory = binary.parent()?;
    let name = directory.file_name()?;
    (name == "bin" || name == "sbin").then(|| directory.parent()).flatten()
}

/// The interpreter that a venv was made from.
fn base_of_venv(prefix: &Path) -> Option<PathBuf> {
    let settings = fs::read_to_string(prefix.join("pyvenv.cfg")).ok()?;
    let (_, home) = settings.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home")?;
    let home = Path::new(home.trim());
    home.is_absolute().then(|| home.join("python3"))
}

/// A program outside any `bin`: the directory that it lies in, as for a file that an argument names.
fn bring_loose(gathering: &mut Gathering<'_>, binary: &Path) {
    if binary.is_symlink() {
        return bring_alone(gathering, binary);
    }
    arguments::show_file(gathering, binary, binary, "where the program lies");
}

fn bring_alone(gathering: &mut Gathering<'_>, binary: &Path) {
    match fs::read_link(binary) {
        // A copy would not know where it belongs: Python finds its library through the link.
        Ok(to) => gathering.imply(FileView::Symlink { target: binary.into(), to }),
        Err(_) => gathering.show(binary, "the program"),
    }
}

#[cfg(test)]
mod tests;
