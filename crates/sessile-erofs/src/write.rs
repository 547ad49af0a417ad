//! A [`Tree`] and its contents as an erofs file system.
//!
//! Written here and not by `mkfs.erofs`, because that reads a directory: owners would need root, hostile names would reach
//! the disk of the host, and the bytes would depend on the version that is installed. What is written is the smallest
//! part of the format that every kernel with erofs reads (5.4 and later): no compression, no extended attributes, 64-byte
//! inodes, ends of files and directories packed behind their inodes. The same tree always gives the same bytes.
//!
//! The format: Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h of Linux. All numbers are little-endian.
//!
//! ```text
//! block 0      1024 bytes of nothing, the superblock, nothing
//! block 1 …    inodes, each with the end of its content, none of which crosses a block
//!      …       whole blocks of contents, in the order of the inodes
//! ```

mod directory;
mod inode;
mod plan;
mod superblock;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::tree::{Content, Kind, Tree};
use inode::Layout;
use plan::{Place, Plan};

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Read at once from a content: a whole number of blocks.
const CHUNK: usize = 256 << 10;

/// Where the contents of a tree's files are.
pub trait Contents {
    /// Reads one from its beginning. At least its length must come, or an error.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&mut self, content: Content) -> io::Result<Box<dyn Read + '_>>;
}

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A content cannot be read.
    #[error("a file's content cannot be read: {0}")]
    Content(#[source] io::Error),
    /// The image cannot be written.
    #[error("the image cannot be written: {0}")]
    Image(#[source] io::Error),
    /// More than the format can hold (16 TiB).
    #[error("the image would be larger than 16 TiB")]
    TooLarge,
}

/// Writes `tree` to the empty file `image`, which is then of a whole number of blocks. `uuid` names the file system.
///
/// # Errors
/// [`WriteError`]; what is in the file then is of no use.
pub fn write(tree: &Tree, contents: &mut dyn Contents, uuid: [u8; 16], image: &File) -> Result<u64, WriteError> {
    let plan = Plan::of(tree).ok_or(WriteError::TooLarge)?;
    image.set_len(plan.blocks * BLOCK).map_err(WriteError::Image)?;
    put(image, &superblock::block(&plan, uuid), 0)?;
    let mut buffer = vec![0; CHUNK];
    for place in &plan.places {
        put(image, &inode::bytes(place), place.offset)?;
        match tree.node(place.node).map(|node| &node.kind) {
            Some(Kind::File(content)) if content.length > 0 => {
                let mut source = contents.open(*content).map_err(WriteError::Content)?;
                copy(&mut *source, place, &mut buffer, image)?;
            }
            Some(Kind::Symlink(target)) => copy(&mut target.as_ref(), place, &mut buffer, image)?,
            Some(Kind::Directory(_)) => {
                let names = directory::bytes(&plan.names(tree, place));
                copy(&mut names.as_slice(), place, &mut buffer, image)?;
            }
            _ => {}
        }
    }
    Ok(plan.blocks * BLOCK)
}

fn put(image: &File, bytes: &[u8], at: u64) -> Result<(), WriteError> {
    image.write_all_at(bytes, at).map_err(WriteError::Image)
}

/// Whole blocks go to the data, the rest behind the inode if it has its place there. Reads to the source's end, so that
/// a source that checks what it gave has its say.
fn copy(source: &mut dyn Read, place: &Place, buffer: &mut [u8], image: &File) -> Result<(), WriteError> {
    let mut done = 0;
    while done < place.size {
        let most = usize::try_from(place.size - done).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..most).unwrap_or_default();
        source.read_exact(part).map_err(WriteError::Content)?;
        let whole = match place.layout {
            // A chunk is a whole number of blocks, so that only the last part has an end of its own.
            Layout::Inline => part.len() - part.len() % BLOCK as usize,
            Layout::Plain => part.len(),
        };
        let (blocks, tail) = part.split_at(whole);
        if !blocks.is_empty() {
            put(image, blocks, u64::from(place.block) * BLOCK + done)?;
        }
        if !tail.is_empty() {
            put(image, tail, place.offset + inode::SIZE)?;
        }
        done += part.len() as u64;
    }
    match source.read(&mut [0]).map_err(WriteError::Content)? {
        0 => Ok(()),
        _ => Err(WriteError::Content(io::Error::other("it is longer than it was"))),
    }
}

/// A name for a file system that the digest of what it was made from always gives (RFC 9562, version 8).
pub fn uuid(digest: &[u8; 32]) -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut uuid;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    uuid
}
