//! When a server does not start: what it said it was missing, and which flag brings it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::View;
use super::arrange::{nearest, source};
use super::guard::{self, Guard, Refusal};
use crate::FileView;

/// More than this is noise.
const MOST: usize = 5;
/// How much of the end of stderr is read.
const TAIL: usize = 64 * 1024;
/// How Linux says in words and in names that a file may not be written.
const NOT_WRITABLE: [&str; 4] = ["Read-only file system", "EROFS", "Permission denied", "EACCES"];

/// A path of the host that a server asked for and did not get. Displays as a sentence with the flag in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPath {
    /// The path, as the server named it.
    pub path: PathBuf,
    /// The flag that brings it: `--read`, or `--write` where it is visible and the server wanted to write.
    pub flag: &'static str,
}

impl fmt::Display for MissingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, flag } = self;
        let what = if *flag == "--write" { "is read-only for" } else { "exists on this host but is not visible to" };
        write!(f, "{} {what} the server; `{flag} {0}` changes that", path.display())
    }
}

/// Reads the end of a failed server's stderr for absolute paths that exist on the host and that `view` does not show,
/// or shows read-only when the server wanted to write. At most five, in the order the server named them.
pub fn explain_failed_start(view: &View, host: &super::HostEnv, stderr: &str) -> Vec<MissingPath> {
    let guard = Guard::new(host);
    let mut start = stderr.len().saturating_sub(TAIL);
    while !stderr.is_char_boundary(start) {
        start += 1;
    }
    let mut missing: Vec<MissingPath> = Vec::new();
    for line in stderr.get(start..).unwrap_or_default().lines() {
        let wants_to_write = NOT_WRITABLE.iter().any(|words| line.contains(words));
        for path in paths_in(line) {
            let Some(flag) = flag_for(view, &guard, &path, wants_to_write) else {
                continue;
            };
            if missing.len() < MOST && !missing.iter().any(|known| path.starts_with(&known.path)) {
                missing.push(MissingPath { path, flag });
            }
        }
    }
    missing
}

fn flag_for(view: &View, guard: &Guard, path: &Path, wants_to_write: bool) -> Option<&'static str> {
    let too_much = matches!(guard.refuses(path), Some(Refusal::Root | Refusal::Kernel | Refusal::Home));
    if too_much || guard::is_kernel(path) {
        return None;
    }
    if !shows(&view.files, path) {
        return path.exists().then_some("--read");
    }
    let read_only =
        nearest(view.files.iter(), path, |file| file).is_some_and(|file| matches!(file, FileView::ReadOnly { .. }));
    (wants_to_write && read_only && path.exists() && !guard::is_system(path)).then_some("--write")
}

/// Whether `path` of the host is seen inside under the same name, and what it leads to as well.
pub(super) fn shows(files: &[FileView], path: &Path) -> bool {
    let real = path.canonicalize().ok();
    shows_name(files, path, 0) && real.is_none_or(|real| real == path || shows_name(files, &real, 0))
}

fn shows_name(files: &[FileView], path: &Path, depth: usize) -> bool {
    let Some(file) = nearest(files.iter(), path, |file| file) else {
        return false;
    };
    let Ok(rest) = path.strip_prefix(file.target()) else {
        return false;
    };
    match file {
        FileView::Text { .. } | FileView::Device { .. } => rest.as_os_str().is_empty(),
        FileView::Symlink { target, to } => {
            let directory = target.parent().unwrap_or(Path::new("/"));
            depth < 8 && shows_name(files, &guard::absolute(&directory.join(to), rest), depth + 1)
        }
        // `/tmp` is there, empty; the host's files in it are not.
        FileView::Private { .. } => false,
        FileView::ReadOnly { .. } | FileView::Writable { .. } | FileView::CopyOnWrite { .. } => source(file)
            .is_some_and(|source| {
                source
                    .join(rest)
                    .canonicalize()
                    .ok()
                    .is_some_and(|seen| path.canonicalize().is_ok_and(|real| real == seen))
            }),
    }
}

/// The absolute paths that a line names, in quotes or bare.
fn paths_in(line: &str) -> Vec<PathBuf> {
    let line = line.replace("file://", " ");
    let mut found = Vec::new();
    let mut before = ' ';
    let mut skip_to = 0;
    for (at, letter) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        let in_a_word = before.is_alphanumeric() || "._-/~".contains(before);
        let in_a_url = before == ':' && rest.starts_with("//");
        if letter == '/' && at >= skip_to && !in_a_word && !in_a_url {
            let quoted = "'\"`".contains(before).then(|| rest.find(before)).flatten();
            let end = quoted.unwrap_or_else(|| {
                rest.find(|c: char| c.is_whitespace() || "'\"`,;()<>[]{}|".contains(c)).unwrap_or(rest.len())
            });
            skip_to = at + end;
            found.extend(existing(rest.get(..end).unwrap_or_default()));
        }
        before = letter;
    }
    found
}

/// A word may end in a full stop, or in `:line:column`.
fn existing(word: &str) -> Option<PathBuf> {
    let mut word = word.trim_end_matches(['.', ':', '!', '?']);
    for _ in 0..3 {
        let path = guard::absolute(Path::new("/"), Path::new(word));
        if path.exists() {
            return Some(path);
        }
        word = word.rsplit_once(':')?.0;
    }
    None
}

#[cfg(test)]
mod tests;
