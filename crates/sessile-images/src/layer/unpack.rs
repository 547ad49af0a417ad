//! From an archive's entries to nodes of the tree.

use std::io::{self, Read, Write};

use tar::EntryType;

use super::pax::Pax;
use super::{LayerError, Limits};
use sessile_erofs::{Content, Kind, Meta, Tree};

/// The largest header beside an entry: paths and extended attributes.
const LARGEST_HEADER: u64 = 1 << 20;
/// The largest name in a header of GNU's: a path and the NUL behind it.
const LARGEST_NAME: u64 = 4096 + 1;
/// The last second of the year 9999.
const LATEST: u64 = 253_402_300_799;
/// As many skipped entries as are named.
const MOST_NOTES: usize = 20;

/// Merges layers, lowest first. Contents go to the spool one behind the other, also such as a later layer replaces.
#[derive(Debug)]
pub struct Unpacker<W> {
    tree: Tree,
    spool: W,
    spooled: u64,
    limits: Limits,
    layer: u16,
    entries: usize,
    unpacked: u64,
    skipped: Vec<String>,
    skipped_count: usize,
}

/// What headers in front of an entry say of it.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

impl<W: Write> Unpacker<W> {
    /// Starts with an empty tree.
    pub fn new(spool: W, limits: Limits) -> Self {
        Self {
            tree: Tree::new(limits.entries.saturating_add(1)),
            spool,
            spooled: 0,
            limits,
            layer: 0,
            entries: 0,
            unpacked: 0,
            skipped: Vec::new(),
            skipped_count: 0,
        }
    }

    /// Merges the next layer, an archive that is no longer compressed. Reads it to its end.
    ///
    /// # Errors
    /// [`LayerError`]; the tree is of no use then.
    pub fn layer(&mut self, archive: impl Read) -> Result<(), LayerError> {
        self.layer =
            self.layer.checked_add(1).ok_or(LayerError::TooLarge { limit: u64::from(u16::MAX), of: "layers" })?;
        let left = self.limits.unpacked.saturating_sub(self.unpacked);
        let mut counted = Counted { source: archive.take(left.saturating_add(1)), count: 0 };
        let merged = self.entries_of(&mut counted).and_then(|()| {
            // Padding behind the end: the digest is over it too.
            io::copy(&mut counted, &mut io::sink()).map_err(LayerError::Read)
        });
        if counted.count > left {
            return Err(LayerError::TooLarge { limit: self.limits.unpacked, of: "bytes, unpacked" });
        }
        self.unpacked += counted.count;
        merged.map(drop)
    }

    /// The tree, the spool, and notes on what was left out.
    pub fn finish(mut self) -> (Tree, W, Vec<String>) {
        let unnamed = self.skipped_count.saturating_sub(self.skipped.len());
        if unnamed > 0 {
            self.skipped.push(format!("and {unnamed} more"));
        }
        (self.tree, self.spool, self.skipped)
    }

    fn entries_of(&mut self, archive: impl Read) -> Result<(), LayerError> {
        let mut archive = tar::Archive::new(archive);
        // Raw: the headers in front of entries come as entries, and are read here within bounds.
        let entries = archive.entries().map_err(LayerError::Read)?.raw(true);
        let mut ahead = Ahead::default();
        for entry in entries {
            let mut entry = entry.map_err(LayerError::Read)?;
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(LayerError::TooLarge { limit: self.limits.entries as u64, of: "entries" });
            }
            match entry.header().entry_type() {
                EntryType::GNULongName => ahead.path = Some(name(&mut entry)?),
                EntryType::GNULongLink => ahead.link = Some(name(&mut entry)?),
                EntryType::XHeader => ahead.pax = Some(Pax::parse(&bounded(&mut entry, LARGEST_HEADER)?)?),
                // For all that follows; nothing in it is of use here.
                EntryType::XGlobalHeader => drop(bounded(&mut entry, LARGEST_HEADER)?),
                _ => self.entry(&mut entry, std::mem::take(&mut ahead))?,
            }
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, ahead: Ahead) -> Result<(), LayerError> {
        let pax = ahead.pax.unwrap_or_default();
        let header = entry.header();
        let size = header.entry_size().map_err(LayerError::Read)?;
        if pax.size.is_some_and(|other| other != size) {
            return Err(LayerError::Malformed("two headers of a file differ in its size"));
        }
        let path = pax.path.or(ahead.path).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pax.link.or(ahead.link).or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let meta = Meta {
            mode: Meta::permissions(header.mode().map_err(LayerError::Read)?),
            uid: owner(pax.uid, header.uid())?,
            gid: owner(pax.gid, header.gid())?,
            // Before 1970, or nonsense, counts as 1970.
            mtime: pax.mtime.or_else(|| header.mtime().ok()).filter(|time| *time <= LATEST).unwrap_or_default(),
        };
        let kind = header.entry_type();
        let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous);
        if size > 0 && !is_file {
            return Err(LayerError::Malformed("an entry that is no file has a content"));
        }
        let link = || link.filter(|link| !link.is_empty()).ok_or(LayerError::Malformed("a link leads nowhere"));
        match kind {
            // The oldest archives know no directories, but names that end like one.
            EntryType::Regular if path.ends_with(b"/") => self.tree.add(&path, meta, Kind::directory(), self.layer)?,
            EntryType::Regular | EntryType::Continuous => {
                let content = self.spool(entry, size)?;
                self.tree.add(&path, Meta { mode: meta.mode & 0o777, ..meta }, Kind::File(content), self.layer)?;
            }
            EntryType::Directory => self.tree.add(&path, meta, Kind::directory(), self.layer)?,
            EntryType::Symlink => {
                let target = link()?;
                if target.len() >= 4096 || target.contains(&0) {
                    return Err(LayerError::Malformed(
                        "the target of a symbolic link is longer than 4095 bytes, or holds NUL",
                    ));
                }
                self.tree.add(&path, Meta { mode: 0o777, ..meta }, Kind::Symlink(target.into()), self.layer)?;
            }
            EntryType::Link => self.tree.link(&path, &link()?, self.layer)?,
            EntryType::Char | EntryType::Block | EntryType::Fifo => self.skip(&path)?,
            EntryType::GNUSparse => {
                return Err(LayerError::Unsupported("it holds a sparse file; make the layer without `tar --sparse`"));
            }
            _ => return Err(LayerError::Unsupported("it holds an entry of a kind that Sessile does not know")),
        }
        Ok(())
    }

    fn spool(&mut self, content: &mut impl Read, length: u64) -> Result<Content, LayerError> {
        let at = self.spooled;
        let mut left = length;
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..most).unwrap_or_default();
            let read = content.read(part).map_err(LayerError::Read)?;
            if read == 0 {
                return Err(LayerError::Read(io::ErrorKind::UnexpectedEof.into()));
            }
            self.spool.write_all(part.get(..read).unwrap_or_default()).map_err(LayerError::Spool)?;
            left -= read as u64;
        }
        self.spooled += length;
        Ok(Content { at, length })
    }

    /// Devices, pipes and sockets are what a sandbox makes itself, or must not have.
    fn skip(&mut self, path: &[u8]) -> Result<(), LayerError> {
        self.tree.remove(path, self.layer)?;
        self.skipped_count += 1;
        if self.skipped.len() < MOST_NOTES {
            let path: String = String::from_utf8_lossy(path).chars().take(200).collect();
            self.skipped.push(format!("left out {path:?}, a device or pipe"));
        }
        Ok(())
    }
}

fn owner(pax: Option<u64>, header: io::Result<u64>) -> Result<u32, LayerError> {
    let id = pax.map_or(header, Ok).map_err(LayerError::Read)?;
    u32::try_from(id).map_err(|_| LayerError::Malformed("an owner's number is larger than 32 bits"))
}

/// A path in an entry of its own, with a NUL behind it.
fn name(entry: &mut impl Read) -> Result<Vec<u8>, LayerError> {
    let mut name = bounded(entry, LARGEST_NAME)?;
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    Ok(name)
}

fn bounded(source: &mut impl Read, limit: u64) -> Result<Vec<u8>, LayerError> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(LayerError::Read)?;
    if bytes.len() as u64 > limit {
        return Err(LayerError::TooLarge { limit, of: "bytes in a header" });
    }
    Ok(bytes)
}

struct Counted<R> {
    source: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.count += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
