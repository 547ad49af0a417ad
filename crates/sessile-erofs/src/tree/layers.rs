//! What entries of a layer do to a tree: the rules of the OCI image specification ("Applying Changesets").

use std::collections::BTreeMap;

use super::walk::{components, shown};
use super::{DEEPEST, Entry, Kind, Meta, NodeId, Tree, TreeError};

/// What every whiteout begins with.
const WHITEOUT: &[u8] = b".wh.";
/// The name that hides all of a directory that lower layers have.
const OPAQUE: &[u8] = b".wh..wh..opq";

impl Tree {
    /// Adds an entry of a layer; what stood in its place goes, but a directory keeps what is in it. A name that is a
    /// whiteout hides instead.
    ///
    /// # Errors
    /// [`TreeError`] when the path is unfit, or a bound is reached.
    pub fn add(&mut self, path: &[u8], meta: Meta, kind: Kind, layer: u16) -> Result<(), TreeError> {
        let names = components(path)?;
        let Some((name, parents)) = names.split_last() else {
            let is_directory = matches!(kind, Kind::Directory(_));
            return match self.nodes.first_mut() {
                Some(root) if is_directory => {
                    root.meta = meta;
                    Ok(())
                }
                _ => Err(TreeError::path(path, "is the root and is no directory")),
            };
        };
        let parent = self.directory(parents, layer)?;
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.white_out(parent, name, hidden, path, layer);
        }
        self.put(parent, name, meta, kind, layer).map(drop)
    }

    /// Adds an entry of something that is no layer: names that look like whiteouts are names.
    ///
    /// # Errors
    /// [`TreeError`] when the path is unfit, or a bound is reached.
    pub fn add_plain(&mut self, path: &[u8], meta: Meta, kind: Kind) -> Result<(), TreeError> {
        let names = components(path)?;
        let Some((name, parents)) = names.split_last() else { return self.add(path, meta, kind, 0) };
        let parent = self.directory(parents, 0)?;
        self.put(parent, name, meta, kind, 0).map(drop)
    }

    /// Adds a hard link.
    ///
    /// # Errors
    /// [`TreeError`] when either path is unfit, or there is nothing to link to.
    pub fn link(&mut self, path: &[u8], target: &[u8], layer: u16) -> Result<(), TreeError> {
        let fail = |reason| TreeError::Link { target: shown(target), reason };
        components(target)?;
        let (node, through) = self.follow(target, false);
        self.work(through)?;
        let node = node.ok_or_else(|| fail("has no target"))?;
        if self.is_directory(node) {
            return Err(fail("leads to a directory"));
        }
        let names = components(path)?;
        let Some((name, parents)) = names.split_last() else { return Err(fail("is the root")) };
        let parent = self.directory(parents, layer)?;
        if let Some(children) = self.children_mut(parent) {
            children.insert(Box::from(*name), Entry { node, layer });
        }
        Ok(())
    }

    /// Takes away what stands at a path, for entries that are not taken over.
    ///
    /// # Errors
    /// [`TreeError`] when the path is unfit.
    pub fn remove(&mut self, path: &[u8], layer: u16) -> Result<(), TreeError> {
        let names = components(path)?;
        let Some((name, parents)) = names.split_last() else { return Ok(()) };
        let parent = self.directory(parents, layer)?;
        if let Some(children) = self.children_mut(parent) {
            children.remove(*name);
        }
        Ok(())
    }

    pub(super) fn put(
        &mut self,
        parent: NodeId,
        name: &[u8],
        meta: Meta,
        kind: Kind,
        layer: u16,
    ) -> Result<NodeId, TreeError> {
        if let (Kind::Directory(_), Some(there)) = (&kind, self.child(parent, name))
            && self.is_directory(there.node)
        {
            if let Some(node) = self.nodes.get_mut(there.node.index()) {
                node.meta = meta;
            }
            if let Some(entry) = self.children_mut(parent).and_then(|children| children.get_mut(name)) {
                entry.layer = layer;
            }
            return Ok(there.node);
        }
        let depth = self.node(parent).map_or(0, |node| node.depth).saturating_add(1);
        if depth > DEEPEST {
            return Err(TreeError::TooDeep);
        }
        let node = self.make(name, meta, kind, depth)?;
        if let Some(children) = self.children_mut(parent) {
            children.insert(Box::from(name), Entry { node, layer });
        }
        Ok(node)
    }

    fn white_out(
        &mut self,
        parent: NodeId,
        name: &[u8],
        hidden: &[u8],
        path: &[u8],
        layer: u16,
    ) -> Result<(), TreeError> {
        if name == OPAQUE {
            return self.hide_lower(parent, layer);
        }
        // `.wh.` alone and other `.wh..wh.` names are of older storage drivers and name nothing of the image.
        if hidden.is_empty() || hidden == b"." || hidden == b".." {
            return Err(TreeError::path(path, "is a whiteout of nothing"));
        }
        let Some(entry) = self.child(parent, hidden) else { return Ok(()) };
        self.hide_lower(entry.node, layer)?;
        let stays = entry.layer == layer || self.entries(entry.node).next().is_some();
        if let Some(children) = self.children_mut(parent).filter(|_| !stays) {
            children.remove(hidden);
        }
        Ok(())
    }

    /// Takes out of a directory what lower layers put there. What this layer put there stays, in whatever order it came.
    fn hide_lower(&mut self, directory: NodeId, layer: u16) -> Result<(), TreeError> {
        let Some(children) = self.children_mut(directory).map(std::mem::take) else { return Ok(()) };
        let mut kept = BTreeMap::new();
        for (name, entry) in children {
            self.work(1)?;
            self.hide_lower(entry.node, layer)?;
            if entry.layer == layer || self.entries(entry.node).next().is_some() {
                kept.insert(name, entry);
            }
        }
        if let Some(children) = self.children_mut(directory) {
            *children = kept;
        }
        Ok(())
    }
}
