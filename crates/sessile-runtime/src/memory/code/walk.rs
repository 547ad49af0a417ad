//! A look at directories of code that costs little however large they are.

use super::Hash;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs::{DirEntry, FileType};
use std::path::{Path, PathBuf};

/// How many entries of directories are looked at in all.
pub(super) const MOST: usize = 4_000;
/// Kept by tools beside the code; changes without it.
const BESIDE: [&str; 13] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".cache",
    ".idea",
    ".vscode",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    "__pycache__",
];
/// Written while the code stays the same.
const FLEETING: [&str; 5] = ["log", "pid", "pyc", "swp", "tmp"];
/// Packages, each a directory that is replaced when another version is installed.
pub(super) const PACKAGES: [&str; 3] = ["node_modules", "site-packages", "dist-packages"];
/// Of an installation (a directory with `bin` and `lib`) what no program runs.
const NOT_RUN: [&str; 3] = ["include", "share", "man"];
/// Among the entries of a profile directory of Cargo: what was built lies beside it, what it was built from below.
const CARGO: &str = ".fingerprint";

/// How a directory is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// With everything below it.
    Whole,
    /// Its entries only: an installed package is known by its directory.
    Packages,
}

/// Puts into `hash` what changes with the files of `roots`, nearest first: those of every root, then those one directory
/// further down. After [`MOST`] entries no more are looked at.
pub(super) fn add(hash: &mut Hash, roots: &[PathBuf], outside: &BTreeSet<PathBuf>) {
    let mut walk = Walk { hash, outside, left: MOST, seen: HashSet::new(), next: VecDeque::new() };
    for root in roots {
        if root.is_dir() {
            walk.next.push_back((root.clone(), look_at(root)));
        } else {
            walk.hash.path(root);
            walk.hash.about(std::fs::metadata(root).ok().as_ref());
        }
    }
    while let Some((directory, look)) = walk.next.pop_front()
        && walk.left > 0
    {
        if walk.seen.insert(directory.clone()) {
            walk.directory(&directory, look);
        }
    }
}

struct Walk<'a> {
    hash: &'a mut Hash,
    outside: &'a BTreeSet<PathBuf>,
    left: usize,
    seen: HashSet<PathBuf>,
    next: VecDeque<(PathBuf, Look)>,
}

impl Walk<'_> {
    fn directory(&mut self, directory: &Path, look: Look) {
        let read = std::fs::read_dir(directory).into_iter().flatten().flatten().take(self.left);
        let mut spent = 1;
        let mut entries: Vec<_> = read
            .inspect(|_| spent += 1)
            .filter_map(|entry| Some((entry.file_name(), entry.file_type().ok()?, entry)))
            .filter(|(name, kind, _)| is_code(name.to_str().unwrap_or_default(), *kind))
            .filter(|(.., entry)| self.outside.is_empty() || !self.outside.contains(&entry.path()))
            .collect();
        entries.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        self.left = self.left.saturating_sub(spent);
        self.hash.path(directory);

        // Of Python's own library only what was installed into it: the rest comes and goes with the interpreter.
        if let Some((.., packages)) = entries.iter().find(|(name, ..)| name == "site-packages") {
            return self.next.push_back((packages.path(), Look::Packages));
        }
        let has = |wanted: &str| entries.iter().any(|(name, ..)| name == wanted);
        let (built, installed) = (has(CARGO), has("bin") && has("lib"));
        let no_code = |name: &OsStr| built || (installed && NOT_RUN.iter().any(|other| name == *other));
        for (name, kind, entry) in entries {
            self.hash.part(name.as_encoded_bytes());
            if kind.is_dir() {
                if !no_code(&name) {
                    self.subdirectory(&entry, look);
                }
            } else {
                self.file(&entry, kind);
            }
        }
    }

    fn subdirectory(&mut self, entry: &DirEntry, look: Look) {
        let path = entry.path();
        match look {
            Look::Whole => {
                let look = look_at(&path);
                self.next.push_back((path, look));
            }
            // `.bin`, `.cache` and the like.
            Look::Packages if entry.file_name().as_encoded_bytes().starts_with(b".") => {}
            Look::Packages => {
                self.hash.about(entry.metadata().ok().as_ref());
                // `node_modules/@scope/name`
                if entry.file_name().as_encoded_bytes().starts_with(b"@") {
                    self.next.push_back((path, Look::Packages));
                }
            }
        }
    }

    fn file(&mut self, entry: &DirEntry, kind: FileType) {
        self.hash.about(entry.metadata().ok().as_ref());
        if kind.is_symlink() {
            let target = std::fs::metadata(entry.path()).ok();
            self.hash.about(target.filter(std::fs::Metadata::is_file).as_ref());
        }
    }
}

fn look_at(directory: &Path) -> Look {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if PACKAGES.contains(&name) { Look::Packages } else { Look::Whole }
}

fn is_code(name: &str, kind: FileType) -> bool {
    if BESIDE.contains(&name) {
        return false;
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let fleeting = extension.is_some_and(|extension| FLEETING.contains(&extension)) || name.ends_with('~');
    kind.is_dir() || (!fleeting && (kind.is_file() || kind.is_symlink()))
}
