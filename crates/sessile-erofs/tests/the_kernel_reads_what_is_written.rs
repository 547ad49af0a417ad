//! Images are checked by those who will read them: the kernel, and the tools of the format's authors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking"
)]

mod mounted;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use mounted::{extract, in_mounted, is_root, listing};
use sessile_erofs::{Content, Contents, Kind, Meta, Tree};

/// Contents that differ at every byte and between files.
struct Made;

fn content(content: Content) -> Vec<u8> {
    (0..content.length).map(|at| ((at * 31 + at / 251 + content.at * 7) % 256) as u8).collect()
}

impl Contents for Made {
    fn open(&mut self, of: Content) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(io::Cursor::new(content(of))))
    }
}

/// Around every edge of the format: ends that just fit behind an inode, blocks, several blocks of names.
const SIZES: [u64; 14] = [0, 1, 100, 4031, 4032, 4033, 4095, 4096, 4097, 8128, 8192, 12_000, 300_000, 1 << 20];

fn tree() -> Tree {
    let mut tree = Tree::new(100_000);
    let meta = |mode, id: u32| Meta { mode, uid: id, gid: id * 70_000, mtime: 1_700_000_000 + u64::from(id) };
    let mut add = |path: &[u8], meta, kind| tree.add(path, meta, kind, 1).unwrap();
    add(b".", meta(0o750, 3), Kind::directory());
    for (at, length) in (0..).zip(SIZES) {
        add(format!("sizes/{length}").as_bytes(), meta(0o644, 1), Kind::File(Content { at, length }));
    }
    for n in 0..1500 {
        let name = format!("many/{n:04}-{}", "x".repeat(n % 200));
        add(name.as_bytes(), meta(0o600, 2), Kind::File(Content { at: n as u64, length: n as u64 * 3 }));
    }
    for name in
        [b"odd/ ".as_slice(), b"odd/-", b"odd/+plus", b"odd/..x", b"odd/\xff\xfe", "odd/é".as_bytes(), b"odd/a\nb"]
    {
        add(name, meta(0o644, 1), Kind::File(Content { at: 1, length: 5 }));
    }
    add(&[b"odd/", "n".repeat(255).as_bytes()].concat(), meta(0o1777, 0), Kind::directory());
    for length in [1, 50, 4031, 4032, 4033, 4095] {
        add(
            format!("links/{length}").as_bytes(),
            meta(0o777, 5),
            Kind::Symlink("t".repeat(length).into_bytes().into()),
        );
    }
    add("deep/".repeat(200).as_bytes(), meta(0o711, 9), Kind::directory());
    add(b"empty", meta(0o755, 0), Kind::directory());
    tree.link(b"hard", b"sizes/12000", 1).unwrap();
    tree.link(b"links/hard", b"hard", 1).unwrap();
    tree
}

fn written(tree: &Tree) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.erofs");
    let size = sessile_erofs::write(tree, &mut Made, [7; 16], &File::create_new(&path).unwrap()).unwrap();
    assert_eq!((std::fs::metadata(&path).unwrap().len(), size % 4096), (size, 0));
    (directory, path)
}

/// As [`mounted::listing`] would show the tree.
fn expected(tree: &Tree) -> mounted::Listing {
    let mut paths = BTreeMap::new();
    let mut links = BTreeMap::new();
    let mut open = vec![(Vec::new(), tree.root())];
    while let Some((path, id)) = open.pop() {
        *links.entry(id).or_insert(0) += 1;
        for (name, node) in tree.entries(id) {
            let path = if path.is_empty() { name.to_vec() } else { [&path, b"/".as_slice(), name].concat() };
            paths.insert(path.clone(), node);
            open.push((path, node));
        }
    }
    let line = |id| {
        let node = tree.node(id).unwrap();
        let of = |kind, links, size, target| {
            let Meta { mode, uid, gid, mtime } = node.meta;
            format!("{kind} {mode:o} {uid} {gid} {mtime} {links} {size} {target}")
        };
        match &node.kind {
            Kind::File(content) => of('f', links[&id], content.length, ""),
            Kind::Symlink(target) => of('l', links[&id], target.len() as u64, std::str::from_utf8(target).unwrap()),
            Kind::Directory(_) => of('d', 0, 0, ""),
        }
    };
    paths.into_iter().map(|(path, id)| (path, line(id))).collect()
}

/// Sizes and link counts of directories are the file system's own business.
fn without_sizes_of_directories(listing: mounted::Listing) -> mounted::Listing {
    let plain = |line: String| match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["d", mode, uid, gid, time, ..] => format!("d {mode} {uid} {gid} {time} 0 0 "),
        _ => line,
    };
    listing.into_iter().map(|(path, line)| (path, plain(line))).collect()
}

#[test]
fn every_file_is_there_with_its_content() {
    let tree = tree();
    let (directory, image) = written(&tree);
    let out = directory.path().join("out");
    extract(&image, &out);
    for (at, length) in (0..).zip(SIZES) {
        let found = std::fs::read(out.join(format!("sizes/{length}"))).unwrap();
        assert!(found == content(Content { at, length }), "sizes/{length}");
    }
    for n in 0..1500_usize {
        let found = std::fs::read(out.join(format!("many/{n:04}-{}", "x".repeat(n % 200)))).unwrap();
        assert!(found == content(Content { at: n as u64, length: n as u64 * 3 }), "many/{n}");
    }
    assert_eq!(std::fs::read_link(out.join("links/4095")).unwrap().as_os_str().len(), 4095);
}

#[test]
fn the_kernel_sees_names_owners_modes_times_and_links() {
    if !is_root() {
        // Only root may mount: as another user, the test above is all that can be asked of the host.
        return;
    }
    let tree = tree();
    let (_directory, image) = written(&tree);
    let found = without_sizes_of_directories(listing(&image));
    let expected = expected(&tree);
    for (path, line) in &expected {
        assert_eq!(found.get(path), Some(line), "{}", String::from_utf8_lossy(path));
    }
    assert_eq!(found.len(), expected.len());
    let said = in_mounted(
        &image,
        "stat -c %h . many deep odd; stat -c '%a %u' .; test hard -ef sizes/12000; test links/hard -ef hard",
    );
    let said = String::from_utf8(said).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines, ["8", "2", "3", "3", "750 3"], "directories count what points at them");
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (one, other) = (written(&tree()), written(&tree()));
    assert!(std::fs::read(one.1).unwrap() == std::fs::read(other.1).unwrap());
}

#[test]
fn an_empty_tree_is_an_image_too() {
    let (directory, image) = written(&Tree::new(1));
    extract(&image, &directory.path().join("out"));
}

#[test]
fn a_content_that_is_shorter_or_longer_than_it_was_is_an_error() {
    struct Other(u64);
    impl Contents for Other {
        fn open(&mut self, _: Content) -> io::Result<Box<dyn Read + '_>> {
            Ok(Box::new(io::repeat(0).take(self.0)))
        }
    }
    let mut tree = Tree::new(10);
    tree.add(b"f", Meta::default(), Kind::File(Content { at: 0, length: 5000 }), 1).unwrap();
    let write = |length| sessile_erofs::write(&tree, &mut Other(length), [0; 16], &tempfile::tempfile().unwrap());
    assert!(write(5000).is_ok());
    for length in [0, 4096, 4999, 5001, 10_000] {
        assert!(write(length).is_err(), "{length}");
    }
}
