//! Where everything goes, before anything is written.

use super::BLOCK;
use super::directory::{self, Name};
use super::inode::{self, Layout, SLOT, nid};
use crate::tree::{Kind, Meta, NodeId, Tree};

/// The kinds of inodes, with the numbers that directories have for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File = 1,
    Directory = 2,
    Symlink = 7,
}

/// An inode to be.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    /// The directory that it is in; the root is in itself. Only directories need it.
    parent: NodeId,
    pub(super) kind: Type,
    pub(super) meta: Meta,
    pub(super) size: u64,
    pub(super) links: u32,
    /// Counts the inodes, for programs that want 32 bits.
    pub(super) number: u32,
    pub(super) layout: Layout,
    /// Where the inode is, in bytes.
    pub(super) offset: u64,
    /// Where its blocks begin.
    pub(super) block: u32,
}

/// The layout of an image.
#[derive(Debug)]
pub(super) struct Plan {
    /// All inodes by their offset, the root first.
    pub(super) places: Vec<Place>,
    /// By node: its place, if it is still in the tree.
    of: Vec<Option<u32>>,
    /// Blocks of the whole image.
    pub(super) blocks: u64,
}

impl Plan {
    /// The plan of a tree; `None` where it has more blocks or inodes than can be counted.
    pub(super) fn of(tree: &Tree) -> Option<Self> {
        let mut plan = Self { places: Vec::new(), of: vec![None; tree.made()], blocks: 0 };
        plan.collect(tree)?;
        let end = plan.place_inodes();
        plan.place_blocks(end.div_ceil(BLOCK))?;
        Some(plan)
    }

    /// The sorted entries of a directory, with itself and its parent.
    pub(super) fn names<'a>(&'a self, tree: &'a Tree, directory: &Place) -> Vec<Name<'a>> {
        let entry = |name, node| {
            let place = self.place(node)?;
            Some(Name { name, nid: nid(place.offset), kind: place.kind })
        };
        let own = [(b".".as_slice(), directory.node), (b"..".as_slice(), directory.parent)];
        let mut names: Vec<_> =
            own.into_iter().chain(tree.entries(directory.node)).filter_map(|(name, node)| entry(name, node)).collect();
        names.sort_by_key(|name| name.name);
        names
    }

    fn place(&self, node: NodeId) -> Option<&Place> {
        let index = self.of.get(node.index()).copied().flatten()?;
        self.places.get(index as usize)
    }

    /// All nodes that are in the tree, each directory's entries behind it, hard links once.
    fn collect(&mut self, tree: &Tree) -> Option<()> {
        let mut open = vec![(tree.root(), tree.root())];
        while let Some((id, parent)) = open.pop() {
            if let Some(known) = self.of.get(id.index()).copied().flatten() {
                self.places.get_mut(known as usize)?.links += 1;
                continue;
            }
            let node = tree.node(id)?;
            let number = u32::try_from(self.places.len()).ok()?;
            *self.of.get_mut(id.index())? = Some(number);
            let (kind, size, links) = match &node.kind {
                Kind::File(content) => (Type::File, content.length, 1),
                Kind::Symlink(target) => (Type::Symlink, target.len() as u64, 1),
                Kind::Directory(_) => {
                    let children: Vec<_> = tree.entries(id).map(|(_, child)| (child, id)).collect();
                    open.extend(children.into_iter().rev());
                    (Type::Directory, directory_size(tree, id), 2 + subdirectories(tree, id))
                }
            };
            let (meta, number) = (node.meta, number + 1);
            let layout = Layout::Plain;
            self.places.push(Place { node: id, parent, kind, meta, size, links, number, layout, offset: 0, block: 0 });
        }
        Some(())
    }

    /// Gives the end of the inodes. The end of a content goes behind its inode where both fit into one block.
    fn place_inodes(&mut self) -> u64 {
        let mut at = BLOCK;
        for place in &mut self.places {
            let tail = place.size % BLOCK;
            let inline = tail > 0 && tail <= BLOCK - inode::SIZE;
            place.layout = if inline { Layout::Inline } else { Layout::Plain };
            let length = inode::SIZE + if inline { tail } else { 0 };
            if at % BLOCK + length > BLOCK {
                at = at.next_multiple_of(BLOCK);
            }
            place.offset = at;
            at = (at + length).next_multiple_of(SLOT);
        }
        at
    }

    fn place_blocks(&mut self, first: u64) -> Option<()> {
        let mut next = first;
        for place in &mut self.places {
            place.block = u32::try_from(next).ok()?;
            next = next.checked_add(match place.layout {
                Layout::Plain => place.size.div_ceil(BLOCK),
                Layout::Inline => place.size / BLOCK,
            })?;
        }
        self.blocks = next;
        u32::try_from(next).ok().map(drop)
    }
}

fn directory_size(tree: &Tree, id: NodeId) -> u64 {
    let mut names: Vec<&[u8]> =
        [b".".as_slice(), b".."].into_iter().chain(tree.entries(id).map(|(name, _)| name)).collect();
    names.sort_unstable();
    directory::size(names.into_iter())
}

fn subdirectories(tree: &Tree, id: NodeId) -> u32 {
    let is_directory = |node: &NodeId| matches!(tree.node(*node).map(|node| &node.kind), Some(Kind::Directory(_)));
    // No more than there are nodes.
    u32::try_from(tree.entries(id).filter(|(_, node)| is_directory(node)).count()).unwrap_or(u32::MAX)
}
