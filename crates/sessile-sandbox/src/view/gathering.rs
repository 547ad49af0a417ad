//! What was decided so far, while a view is being resolved.

use std::path::{Path, PathBuf};

use super::arrange::{Entry, Wish};
use super::guard::{self, Guard};
use super::{HostEnv, ViewError, ViewRequest, WORKSPACE};
use crate::FileView;

/// Entries and their reasons, with what is needed to decide more of them.
pub(super) struct Gathering<'a> {
    pub(super) host: &'a HostEnv,
    pub(super) guard: Guard,
    entries: Vec<Entry>,
    explanation: Vec<String>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(request: &'a ViewRequest) -> Self {
        Self {
            host: &request.host,
            guard: Guard::new(&request.host),
            entries: Vec::new(),
            explanation: Vec::new(),
        }
    }

    /// Adds a view that follows from the rules.
    pub(super) fn imply(&mut self, view: FileView) {
        self.entries.push(Entry {
            view,
            wish: Wish::Implied,
        });
    }

    /// Adds a line of explanation, once.
    pub(super) fn say(&mut self, line: String) {
        if !self.explanation.contains(&line) {
            self.explanation.push(line);
        }
    }

    /// Shows `path` read-only at its own place, unless it is part of the system.
    pub(super) fn show(&mut self, path: &Path, why: &str) {
        if guard::is_system(path) {
            return;
        }
        let path = guard::store_of(path).unwrap_or(path);
        self.say(format!("read-only: {}, {why}", path.display()));
        for (source, target) in at_both_names(path) {
            self.imply(FileView::ReadOnly { source, target });
        }
    }

    /// Takes over what the operator asked for in so many words.
    pub(super) fn ask_for(&mut self, request: &ViewRequest) -> Result<(), ViewError> {
        let base = request.cwd.as_deref().unwrap_or(Path::new("/"));
        for path in &request.read {
            let path = asked(base, path, "--read")?;
            self.say(format!("read-only: {}, asked for", path.display()));
            for (source, target) in at_both_names(&path) {
                self.ask(FileView::ReadOnly { source, target });
            }
        }
        for path in &request.write {
            let path = asked(base, path, "--write")?;
            self.say(format!(
                "writable: {}, asked for; what is written there stays on the host",
                path.display()
            ));
            for (source, target) in at_both_names(&path) {
                self.ask(FileView::Writable { source, target });
            }
        }
        if let Some(path) = &request.workspace {
            let path = asked(base, path, "workspace")?;
            self.say(format!(
                "writable: {WORKSPACE}, which is {} of the host",
                path.display()
            ));
            let source = path.canonicalize().unwrap_or(path);
            self.ask(FileView::Writable {
                source,
                target: WORKSPACE.into(),
            });
        }
        for view in &request.also {
            self.ask(view.clone());
        }
        for path in &request.conceal {
            let target = guard::absolute(base, path);
            self.entries.push(Entry {
                view: FileView::Private { target },
                wish: Wish::Concealed,
            });
        }
        Ok(())
    }

    fn ask(&mut self, view: FileView) {
        self.entries.push(Entry {
            view,
            wish: Wish::Asked,
        });
    }

    pub(super) fn into_parts(self) -> (Vec<Entry>, Vec<String>) {
        (self.entries, self.explanation)
    }
}

/// Where on the host a path really lies, and the places inside where it is to be seen: the one that was named and, for
/// links found inside another view, the real one.
pub(super) fn at_both_names(path: &Path) -> Vec<(PathBuf, PathBuf)> {
    let Ok(real) = path.canonicalize() else {
        return Vec::new();
    };
    let mut places = vec![(real.clone(), path.to_path_buf())];
    if real != path && !guard::is_system(&real) {
        places.push((real.clone(), real));
    }
    places
}

/// A path asked for: absolute, there, and possible to show.
fn asked(base: &Path, path: &Path, flag: &'static str) -> Result<PathBuf, ViewError> {
    let path = guard::absolute(base, path);
    if path == Path::new("/") {
        let reason = "it is the whole host; name the directories that the server needs";
        return Err(ViewError::Refused { flag, path, reason });
    }
    if guard::is_kernel(&path) {
        let reason = "the sandbox has its own /proc, /sys and /dev";
        return Err(ViewError::Refused { flag, path, reason });
    }
    if !path.exists() {
        return Err(ViewError::NoSuchPath { flag, path });
    }
    Ok(path)
}
