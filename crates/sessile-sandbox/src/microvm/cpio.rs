//! Writing archives as the kernel reads them for an initramfs: `newc` (Documentation/driver-api/early-userspace/buffer-format.rst).

/// What ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// File types, as `stat(2)` has them.
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// Everything lies at multiples of this.
const ALIGNED: usize = 4;

/// An archive being written. Everything in it is root's and of 1970, so that the same content is the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    /// The last inode number that was used; each entry has its own, or the kernel would take two for one file.
    inode: u32,
}

/// What cannot be in an archive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` of {length} bytes does not fit in an initramfs")]
pub(crate) struct TooLarge {
    name: String,
    length: usize,
}

impl Archive {
    /// Adds a directory. Parents come first; names are relative to the root.
    pub(crate) fn directory(self, name: &str, mode: u32) -> Result<Self, TooLarge> {
        self.entry(name, DIRECTORY | mode, &[])
    }

    /// Adds a file.
    pub(crate) fn file(self, name: &str, mode: u32, content: &[u8]) -> Result<Self, TooLarge> {
        self.entry(name, FILE | mode, content)
    }

    /// The archive, whole.
    pub(crate) fn finish(self) -> Result<Vec<u8>, TooLarge> {
        Ok(self.entry(TRAILER, 0, &[])?.bytes)
    }

    fn entry(mut self, name: &str, mode: u32, content: &[u8]) -> Result<Self, TooLarge> {
        let too_large = || TooLarge { name: name.to_owned(), length: content.len() };
        let size = u32::try_from(content.len()).map_err(|_| too_large())?;
        let name_size = u32::try_from(name.len() + 1).map_err(|_| too_large())?;
        self.inode += 1;
        let links = if mode & DIRECTORY == 0 { 1 } else { 2 };
        // inode, mode, uid, gid, links, mtime, size, four of devices, size of the name, checksum
        let fields = [self.inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
        Ok(self)
    }

    fn align(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGNED);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, mode, inode and content of each entry, as the kernel reads them.
    fn read(mut bytes: &[u8]) -> Vec<(String, u32, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let whole = bytes.len();
        loop {
            let at = whole - bytes.len();
            assert_eq!(at % 4, 0);
            assert_eq!(&bytes[..6], b"070701");
            let field = |n: usize| {
                u32::from_str_radix(std::str::from_utf8(&bytes[6 + 8 * n..14 + 8 * n]).unwrap(), 16).unwrap()
            };
            let (inode, mode, size, name_size) = (field(0), field(1), field(6) as usize, field(11) as usize);
            let name = std::str::from_utf8(&bytes[110..110 + name_size - 1]).unwrap().to_owned();
            assert_eq!(bytes[110 + name_size - 1], 0);
            let from = (110 + name_size).next_multiple_of(4);
            let content = bytes[from..from + size].to_vec();
            bytes = &bytes[(from + size).next_multiple_of(4)..];
            if name == TRAILER {
                assert!(bytes.is_empty());
                return entries;
            }
            entries.push((name, mode, inode, content));
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut archive = Archive::default().directory("dev", 0o755).unwrap();
        let contents: Vec<Vec<u8>> = (0..9).map(|length| vec![b'x'; length]).collect();
        for (number, content) in contents.iter().enumerate() {
            archive = archive.file(&format!("{}n", "f".repeat(number)), 0o644, content).unwrap();
        }
        let entries = read(&archive.finish().unwrap());
        assert_eq!(entries[0], ("dev".into(), 0o040_755, 1, vec![]));
        for (number, content) in contents.iter().enumerate() {
            let (name, mode, inode, found) = &entries[number + 1];
            assert_eq!((name.len(), *mode, *inode), (number + 1, 0o100_644, u32::try_from(number).unwrap() + 2));
            assert_eq!(found, content);
        }
    }

    #[test]
    fn the_same_content_is_the_same_bytes() {
        let write = || Archive::default().file("init", 0o755, b"program").unwrap().finish().unwrap();
        assert_eq!(write(), write());
    }
}
