//! Turns wishes into a list that a driver can follow from top to bottom.
//!
//! Parents come before children, no target comes twice, and what is visible through its parent already is left out:
//! each entry costs a session a mount.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::FileView;

/// How a view came to be wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It follows from the rules.
    Implied,
    /// The operator said so.
    Asked,
    /// It keeps the runtime's own files from being seen.
    Concealed,
}

/// A view and why it is wished for.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) view: FileView,
    pub(super) wish: Wish,
    /// What is said about it if it is kept.
    pub(super) why: Option<String>,
}

/// The list to follow, without duplicates and without what a parent shows anyway.
pub(super) fn arrange(entries: Vec<Entry>) -> Vec<Entry> {
    // The order of paths by components puts every parent before its children.
    let mut by_target: BTreeMap<PathBuf, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_target.entry(entry.view.target().clone()).or_default().push(entry);
    }
    let mut kept: Vec<Entry> = Vec::new();
    for rivals in by_target.into_values() {
        let Some(winner) = strongest(rivals) else {
            continue;
        };
        let parent = nearest(kept.iter(), winner.view.target(), |entry| &entry.view);
        if !parent.is_some_and(|parent| covers(parent, &winner)) {
            kept.push(winner);
        }
    }
    kept
}

/// The path on the host that shows at `target` and below.
pub(super) fn source(view: &FileView) -> Option<&Path> {
    match view {
        FileView::ReadOnly { source, .. }
        | FileView::Writable { source, .. }
        | FileView::CopyOnWrite { source, .. } => Some(source),
        FileView::Device { .. } | FileView::Private { .. } | FileView::Text { .. } | FileView::Symlink { .. } => None,
    }
}

/// Of the views at or above `path`, the deepest: the one that decides what is seen there.
pub(super) fn nearest<'a, T>(
    all: impl Iterator<Item = &'a T>,
    path: &Path,
    view: impl Fn(&T) -> &FileView,
) -> Option<&'a T> {
    all.filter(|entry| path.starts_with(view(entry).target()))
        .max_by_key(|entry| view(entry).target().components().count())
}

fn strongest(mut rivals: Vec<Entry>) -> Option<Entry> {
    rivals.sort_by_key(|entry| Reverse(strength(entry)));
    let private =
        rivals.iter().any(|entry| entry.wish == Wish::Implied && matches!(entry.view, FileView::Private { .. }));
    let mut winner = rivals.into_iter().next()?;
    if private && let FileView::ReadOnly { source, target } = winner.view {
        // A place that servers may write to, which the host has too: its files, and private changes.
        winner.view = FileView::CopyOnWrite { source, target };
    }
    Some(winner)
}

fn strength(entry: &Entry) -> u8 {
    match (&entry.view, entry.wish) {
        (_, Wish::Concealed) => 9,
        (FileView::Writable { .. }, _) => 8,
        (FileView::CopyOnWrite { .. }, _) => 7,
        (_, Wish::Asked) => 6,
        (FileView::Text { .. } | FileView::Symlink { .. }, _) => 5,
        (FileView::ReadOnly { .. } | FileView::Device { .. }, _) => 4,
        (FileView::Private { .. }, _) => 3,
    }
}

/// Whether `parent` shows what `child` wants to show, in the way it wants it.
fn covers(parent: &Entry, child: &Entry) -> bool {
    let (above, below) = (&parent.view, &child.view);
    // `/bin -> usr/bin`: what is wished for in it is visible in `/usr`.
    if matches!(above, FileView::Symlink { .. }) {
        return true;
    }
    let (Some(from), Some(wanted)) = (source(above), source(below)) else {
        return false;
    };
    let Ok(rest) = below.target().strip_prefix(above.target()) else {
        return false;
    };
    // Through a link the parent shows the same; `Gathering` sees to it that what the link leads to is shown as well.
    let seen = from.join(rest);
    if seen != wanted && seen.canonicalize().ok().as_deref() != Some(wanted) {
        return false;
    }
    match (above, below) {
        (FileView::Writable { .. }, FileView::ReadOnly { .. }) => child.wish == Wish::Implied,
        (FileView::Writable { .. }, _) => true,
        (FileView::CopyOnWrite { .. }, FileView::Writable { .. }) => false,
        (FileView::CopyOnWrite { .. }, _) => true,
        (_, FileView::ReadOnly { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
