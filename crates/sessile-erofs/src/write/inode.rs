//! `struct erofs_inode_extended`: 64 bytes, with a time and 32-bit owners.

use super::plan::{Place, Type};

/// Bytes of an inode.
pub(super) const SIZE: u64 = 64;
/// Inodes begin at multiples of this; a number counts them.
pub(super) const SLOT: u64 = 32;

/// Where a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In blocks, the last of them filled up (`EROFS_INODE_FLAT_PLAIN`).
    Plain,
    /// In blocks, but for the end, which is behind the inode (`EROFS_INODE_FLAT_INLINE`).
    Inline,
}

/// The number of the inode at an offset.
pub(super) fn nid(offset: u64) -> u64 {
    offset / SLOT
}

/// The inode.
pub(super) fn bytes(place: &Place) -> Vec<u8> {
    let extended = 1_u16;
    let layout: u16 = match place.layout {
        Layout::Plain => 0,
        Layout::Inline => 2,
    };
    let kind: u16 = match place.kind {
        Type::File => 0o100_000,
        Type::Directory => 0o040_000,
        Type::Symlink => 0o120_000,
    };
    let mut inode = Vec::with_capacity(64);
    inode.extend((extended | layout << 1).to_le_bytes());
    inode.extend(0_u16.to_le_bytes()); // no extended attributes
    inode.extend((kind | place.meta.mode).to_le_bytes());
    inode.extend(0_u16.to_le_bytes());
    inode.extend(place.size.to_le_bytes());
    inode.extend(place.block.to_le_bytes());
    inode.extend(place.number.to_le_bytes());
    inode.extend(place.meta.uid.to_le_bytes());
    inode.extend(place.meta.gid.to_le_bytes());
    inode.extend(place.meta.mtime.to_le_bytes());
    inode.extend(0_u32.to_le_bytes()); // nanoseconds
    inode.extend(place.links.to_le_bytes());
    inode.extend([0; 16]);
    inode
}
