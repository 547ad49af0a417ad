//! A file system in memory: names, owners, modes and links, but no contents.
//!
//! Layers are hostile input. They are merged here and not on the disk of the host, so that no name, link or order of
//! entries can reach anything but other nodes of the same tree. A symbolic link on the way to an entry is followed within
//! the tree, as a container would: `/lib` of one layer may be a link into `/usr` of another.

mod layers;
mod walk;

use std::collections::BTreeMap;

pub use walk::TreeError;

/// How deep directories may lie: more than package managers nest, less than recursion could feel.
pub const DEEPEST: u16 = 256;
/// Bytes of all names and targets of links, which are kept in memory.
const MOST_TEXT: u64 = 256 << 20;
/// What whiteouts and links may cost: as many steps as the largest image needs, some times over.
const MOST_WORK: u64 = 8_000_000;

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Its place, for tables beside the tree.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a node besides its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permissions and the sticky bit: `0o1777` at most. Set-user-id and set-group-id never come here.
    pub mode: u16,
    /// The owner, as a number inside the image.
    pub uid: u32,
    /// The group, likewise.
    pub gid: u32,
    /// When it was changed, in seconds since 1970. Kept because compiled Python is matched to its source by it.
    pub mtime: u64,
}

impl Meta {
    /// What an image gives of a mode: permissions, and the sticky bit of directories.
    pub fn permissions(mode: u32) -> u16 {
        // The mask leaves 10 bits.
        u16::try_from(mode & 0o1777).unwrap_or_default()
    }
}

/// Where the content of a file lies. What `at` means is known to whoever made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// An offset or an index.
    pub at: u64,
    /// Bytes.
    pub length: u64,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; its names are sorted by their bytes, as erofs wants them.
    Directory(BTreeMap<Box<[u8]>, Entry>),
    /// A file.
    File(Content),
    /// A symbolic link with its target as written.
    Symlink(Box<[u8]>),
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it names.
    pub node: NodeId,
    /// The layer that last wrote it; whiteouts of that layer do not hide it.
    layer: u16,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Owner, mode, time.
    pub meta: Meta,
    /// What it is.
    pub kind: Kind,
    depth: u16,
}

/// A file system without contents.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    most: usize,
    /// Bytes of names and of targets of links.
    text: u64,
    /// Entries that were looked at for whiteouts, and names that links led through.
    work: u64,
}

impl Tree {
    /// A tree of an empty root, which refuses to hold more than `most` nodes, also such as have gone again.
    pub fn new(most: usize) -> Self {
        Self {
            nodes: vec![Node { meta: Meta { mode: 0o755, ..Meta::default() }, kind: Kind::directory(), depth: 0 }],
            most,
            text: 0,
            work: 0,
        }
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// A node of this tree.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// How many nodes were made.
    pub(crate) fn made(&self) -> usize {
        self.nodes.len()
    }

    /// The names in a directory; none in anything else.
    pub fn entries(&self, id: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> {
        let children = match self.node(id).map(|node| &node.kind) {
            Some(Kind::Directory(children)) => Some(children),
            _ => None,
        };
        children.into_iter().flatten().map(|(name, entry)| (name.as_ref(), entry.node))
    }

    /// The node at a path, links followed within the tree.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        self.follow(path, true).0
    }

    /// Bytes of all files that are in the tree, or were.
    pub fn content_bytes(&self) -> u64 {
        let bytes = |node: &Node| if let Kind::File(content) = node.kind { content.length } else { 0 };
        self.nodes.iter().map(bytes).fold(0, u64::saturating_add)
    }

    fn make(&mut self, name: &[u8], meta: Meta, kind: Kind, depth: u16) -> Result<NodeId, TreeError> {
        let target = if let Kind::Symlink(target) = &kind { target.len() } else { 0 };
        self.text += (name.len() + target) as u64;
        if self.text > MOST_TEXT {
            return Err(TreeError::TooMuchText);
        }
        if self.nodes.len() >= self.most {
            return Err(TreeError::TooMany { most: self.most });
        }
        let id = u32::try_from(self.nodes.len()).map_err(|_| TreeError::TooMany { most: self.most })?;
        self.nodes.push(Node { meta, kind, depth });
        Ok(NodeId(id))
    }

    /// Counts what costs more than the entries that ask for it.
    fn work(&mut self, steps: u64) -> Result<(), TreeError> {
        self.work = self.work.saturating_add(steps);
        if self.work > MOST_WORK { Err(TreeError::TooMuchWork) } else { Ok(()) }
    }

    fn child(&self, directory: NodeId, name: &[u8]) -> Option<Entry> {
        match &self.node(directory)?.kind {
            Kind::Directory(children) => children.get(name).copied(),
            _ => None,
        }
    }

    fn children_mut(&mut self, directory: NodeId) -> Option<&mut BTreeMap<Box<[u8]>, Entry>> {
        match &mut self.nodes.get_mut(directory.index())?.kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn is_directory(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| matches!(node.kind, Kind::Directory(_)))
    }
}

impl Kind {
    /// An empty directory.
    pub fn directory() -> Self {
        Self::Directory(BTreeMap::new())
    }
}

#[cfg(test)]
mod tests;
