//! Any bytes are layers or an error; never a panic, never more than is allowed. What comes out is a tree: every name is
//! plain, every directory has one place, and an image of it can be written.
#![no_main]

use std::collections::HashSet;
use std::io::{self, Cursor, Read};

use libfuzzer_sys::fuzz_target;
use sessile_erofs::{Content, Contents, Kind};
use sessile_images::Limits;
use sessile_images::layer::{Compression, Decompressed, Unpacker};

const LIMITS: Limits = Limits { layers: 4, blob: 1 << 20, unpacked: 1 << 20, entries: 2000, document: 1 << 20 };

struct Spool(Vec<u8>);

impl Contents for Spool {
    fn open(&mut self, content: Content) -> io::Result<Box<dyn Read + '_>> {
        let at = usize::try_from(content.at).unwrap();
        let length = usize::try_from(content.length).unwrap();
        Ok(Box::new(Cursor::new(&self.0[at..at + length])))
    }
}

// The first byte says how it is compressed, and where the second layer begins.
fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let compression = match first % 4 {
        0 => Compression::Gzip,
        1 => Compression::Zstd,
        _ => Compression::None,
    };
    let cut = rest.len() * usize::from(first / 4) / 64 / 512 * 512;
    let mut unpacker = Unpacker::new(Vec::new(), LIMITS);
    for layer in [&rest[..cut], &rest[cut..]] {
        if unpacker.layer(Decompressed::new(layer, compression)).is_err() {
            return;
        }
    }
    let (tree, spool, _) = unpacker.finish();
    assert!(spool.len() as u64 <= LIMITS.unpacked);
    let (mut open, mut seen) = (vec![tree.root()], HashSet::new());
    while let Some(id) = open.pop() {
        assert!(seen.insert(id), "a directory has two places");
        for (name, node) in tree.entries(id) {
            assert!(!name.is_empty() && name.len() <= 255 && name != b"." && name != b"..");
            assert!(!name.contains(&b'/') && !name.contains(&0));
            let node_of = tree.node(node).expect("it is there");
            assert_eq!(node_of.meta.mode & !0o1777, 0);
            if matches!(node_of.kind, Kind::Directory(_)) {
                open.push(node);
            }
        }
    }
    let image = rustix::fs::memfd_create("image", rustix::fs::MemfdFlags::CLOEXEC).expect("memory").into();
    sessile_erofs::write(&tree, &mut Spool(spool), [0; 16], &image).expect("every tree can be written");
});
