//! Read-only file systems for machines: a tree of names is put together in memory ([`Tree`]), and written with the contents of
//! its files as one erofs file ([`write`]), which every kernel from 5.4 on can mount.
//!
//! Who makes an image brings the contents ([`Contents`]): layers that were merged, a directory, or single files of the host.
//! Nothing is run for it, no name of the tree reaches the disk of the host, and the same tree always gives the same bytes.

mod tree;
mod write;

pub use tree::{Content, DEEPEST, Entry, Kind, Meta, Node, NodeId, Tree, TreeError};
pub use write::{Contents, WriteError, uuid, write};
