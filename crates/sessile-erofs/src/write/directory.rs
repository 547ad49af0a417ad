//! Directories: blocks of `struct erofs_dirent` with the names behind them, sorted, so that lookups can halve.

use super::BLOCK;
use super::plan::Type;

/// Bytes of an entry without its name.
const DIRENT: usize = 12;

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) name: &'a [u8],
    pub(super) nid: u64,
    pub(super) kind: Type,
}

/// How many bytes a directory of these names takes. They are sorted.
pub(super) fn size<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let (mut whole, mut last) = (0, 0);
    for name in names {
        let more = (DIRENT + name.len()) as u64;
        if last + more > BLOCK {
            whole += BLOCK;
            last = 0;
        }
        last += more;
    }
    whole + last
}

/// The directory. Names do not cross blocks; the rest of a block is zeros, which end its last name.
pub(super) fn bytes(mut names: &[Name<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    while !names.is_empty() {
        let mut length = 0;
        let fits = names.iter().take_while(|name| {
            length += DIRENT + name.name.len();
            length <= BLOCK as usize
        });
        let (block, rest) = names.split_at(fits.count());
        out.resize(out.len().next_multiple_of(BLOCK as usize), 0);
        let mut at = block.len() * DIRENT;
        for name in block {
            out.extend(name.nid.to_le_bytes());
            // Within a block.
            out.extend(u16::try_from(at).unwrap_or_default().to_le_bytes());
            out.push(name.kind as u8);
            out.push(0);
            at += name.name.len();
        }
        block.iter().for_each(|name| out.extend(name.name));
        names = rest;
    }
    out
}
