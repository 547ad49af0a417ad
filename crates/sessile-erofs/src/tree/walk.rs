//! From paths to nodes.

use super::{DEEPEST, Kind, Meta, NodeId, Tree};

/// Links followed on the way to one entry; the kernel gives up after as many.
const MOST_LINKS: u32 = 40;
/// The longest path and the longest name, in bytes, as in Linux.
const LONGEST_PATH: usize = 4096;
const LONGEST_NAME: usize = 255;

/// Why an entry has no place in a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// `..`, a NUL byte, or too long.
    #[error("the path {path:?} {reason}")]
    Path {
        /// The path, cut to 80 characters.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file stands where a directory is needed.
    #[error("{name:?} is used as a directory and is none")]
    NotADirectory {
        /// The name.
        name: String,
    },
    /// Symbolic links that lead nowhere.
    #[error("more than {MOST_LINKS} symbolic links lead to one entry")]
    Loop,
    /// A hard link to what is not there, or to a directory.
    #[error("the hard link to {target:?} {reason}")]
    Link {
        /// The path that it names.
        target: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Directories within directories.
    #[error("directories are nested deeper than {DEEPEST}")]
    TooDeep,
    /// More nodes than allowed.
    #[error("there are more than {most} files and directories")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// Whiteouts over and over the same entries.
    #[error("its whiteouts and links would take too long to apply")]
    TooMuchWork,
    /// Names and targets of links.
    #[error("the names of its files, and the targets of its links, are longer than 256 MiB in all")]
    TooMuchText,
}

impl TreeError {
    pub(super) fn path(path: &[u8], reason: &'static str) -> Self {
        Self::Path { path: shown(path), reason }
    }
}

/// A name for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(80).collect()
}

/// The names of a path. A leading `/` and `.` mean nothing, as everything starts at the root of the image; `..` is
/// refused, as no honest archive has it.
pub(super) fn components(path: &[u8]) -> Result<Vec<&[u8]>, TreeError> {
    let fail = |reason| Err(TreeError::path(path, reason));
    if path.len() > LONGEST_PATH {
        return fail("is longer than 4096 bytes");
    }
    if path.contains(&0) {
        return fail("holds a NUL byte");
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    if names.contains(&b"..".as_slice()) {
        return fail("holds `..`");
    }
    if names.iter().any(|name| name.len() > LONGEST_NAME) {
        return fail("holds a name of more than 255 bytes");
    }
    Ok(names)
}

/// What still has to be walked, the next name last, and where that stands.
struct Walk {
    pending: Vec<Box<[u8]>>,
    trail: Vec<NodeId>,
    links: u32,
    /// Names that links led through.
    through: u64,
}

impl Walk {
    fn new(names: &[&[u8]]) -> Self {
        let pending = names.iter().rev().map(|name| Box::from(*name)).collect();
        Self { pending, trail: Vec::new(), links: 0, through: 0 }
    }

    fn here(&self, root: NodeId) -> NodeId {
        self.trail.last().copied().unwrap_or(root)
    }

    /// Goes on along a symbolic link. Its `..` stop at the root, as after a chroot.
    fn along(&mut self, target: &[u8]) -> Result<(), TreeError> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(TreeError::Loop);
        }
        if target.first() == Some(&b'/') {
            self.trail.clear();
        }
        let names = target.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
        let at = self.pending.len();
        self.pending.extend(names.map(Box::from));
        self.through += (self.pending.len() - at) as u64;
        if let Some(new) = self.pending.get_mut(at..) {
            new.reverse();
        }
        Ok(())
    }
}

impl Tree {
    /// The directory with these names; what is missing of it is made in `layer`, as archives may leave out parents.
    pub(super) fn directory(&mut self, names: &[&[u8]], layer: u16) -> Result<NodeId, TreeError> {
        let root = self.root();
        let mut walk = Walk::new(names);
        while let Some(name) = walk.pending.pop() {
            if name.as_ref() == b".." {
                walk.trail.pop();
                continue;
            }
            let here = walk.here(root);
            let Some(entry) = self.child(here, &name) else {
                if name.len() > LONGEST_NAME {
                    return Err(TreeError::path(&name, "holds a name of more than 255 bytes"));
                }
                let made = self.put(here, &name, Meta { mode: 0o755, ..Meta::default() }, Kind::directory(), layer)?;
                walk.trail.push(made);
                continue;
            };
            match self.node(entry.node).map(|node| &node.kind) {
                Some(Kind::Directory(_)) => walk.trail.push(entry.node),
                Some(Kind::Symlink(target)) => walk.along(target)?,
                _ => return Err(TreeError::NotADirectory { name: shown(&name) }),
            }
        }
        self.work(walk.through)?;
        Ok(walk.here(root))
    }

    /// The node at a path that is there, and how many names links led through. Links on the way are followed; the last
    /// name's only with `last`.
    pub(super) fn follow(&self, path: &[u8], last: bool) -> (Option<NodeId>, u64) {
        let Ok(names) = components(path) else { return (None, 0) };
        let mut walk = Walk::new(&names);
        (self.followed(&mut walk, last), walk.through)
    }

    fn followed(&self, walk: &mut Walk, last: bool) -> Option<NodeId> {
        let root = self.root();
        while let Some(name) = walk.pending.pop() {
            if name.as_ref() == b".." {
                walk.trail.pop();
                continue;
            }
            let entry = self.child(walk.here(root), &name)?;
            match &self.node(entry.node)?.kind {
                Kind::Symlink(target) if last || !walk.pending.is_empty() => walk.along(target).ok()?,
                _ => walk.trail.push(entry.node),
            }
        }
        Some(walk.here(root))
    }
}
