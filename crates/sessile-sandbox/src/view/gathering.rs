//! What was decided so far, while a view is being resolved.

use std::path::{Path, PathBuf};

use super::arrange::{Entry, Wish, arrange, source};
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
        Self { host: &request.host, guard: Guard::new(&request.host), entries: Vec::new(), explanation: Vec::new() }
    }

    /// Adds a view that follows from the rules and goes without saying.
    pub(super) fn imply(&mut self, view: FileView) {
        self.entries.push(Entry { view, wish: Wish::Implied, why: None });
    }

    /// Adds a view that follows from the rules, and why.
    pub(super) fn imply_because(&mut self, view: FileView, why: &str) {
        self.entries.push(Entry { view, wish: Wish::Implied, why: Some(why.to_owned()) });
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
        for (source, target) in at_both_names(guard::store_of(path).unwrap_or(path)) {
            self.imply_because(FileView::ReadOnly { source, target }, why);
        }
    }

    /// Takes over what the operator asked for in so many words.
    pub(super) fn ask_for(&mut self, request: &ViewRequest) -> Result<(), ViewError> {
        let base = request.cwd.as_deref().unwrap_or(Path::new("/"));
        for path in &request.read {
            for (source, target) in at_both_names(&asked(base, path, "--read")?) {
                self.ask(FileView::ReadOnly { source, target }, Some("asked for"));
            }
        }
        for path in &request.write {
            for (source, target) in at_both_names(&asked(base, path, "--write")?) {
                let why = "asked for; what is written there stays on the host";
                self.ask(FileView::Writable { source, target }, Some(why));
            }
        }
        if let Some(path) = &request.workspace {
            let path = asked(base, path, "workspace")?;
            let source = path.canonicalize().unwrap_or(path);
            self.ask(FileView::Writable { source, target: WORKSPACE.into() }, Some("its workspace"));
        }
        for view in &request.also {
            self.ask(view.clone(), None);
        }
        for path in &request.conceal {
            let view = FileView::Private { target: guard::absolute(base, path) };
            let why = Some("the runtime's own files stay out of sight".to_owned());
            self.entries.push(Entry { view, wish: Wish::Concealed, why });
        }
        Ok(())
    }

    fn ask(&mut self, view: FileView, why: Option<&str>) {
        self.entries.push(Entry { view, wish: Wish::Asked, why: why.map(str::to_owned) });
    }

    /// The views to follow and what there is to say about them.
    pub(super) fn settle(self) -> (Vec<FileView>, Vec<String>) {
        let mut explanation = self.explanation;
        let kept = arrange(self.entries);
        explanation.extend(kept.iter().filter_map(describe));
        (kept.into_iter().map(|entry| entry.view).collect(), explanation)
    }
}

fn describe(entry: &Entry) -> Option<String> {
    let how = match entry.view {
        FileView::ReadOnly { .. } => "read-only",
        FileView::Device { .. } => "device",
        FileView::Writable { .. } => "writable",
        FileView::CopyOnWrite { .. } => "private copy",
        FileView::Private { .. } => "empty",
        FileView::Text { .. } | FileView::Symlink { .. } => "made for it",
    };
    let target = entry.view.target().display();
    let why = entry.why.as_ref()?;
    Some(match source(&entry.view).filter(|source| *source != entry.view.target()) {
        Some(source) => format!("{how}: {target}, which is {} of the host, {why}", source.display()),
        None => format!("{how}: {target}, {why}"),
    })
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
