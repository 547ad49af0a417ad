use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::Unpacker;
use crate::layer::{LayerError, Limits};
use sessile_erofs::{Kind, Tree};

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(1000);
    header.set_gid(70_000);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    header
}

/// A record of an extended header, with its own length in front.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() != length {
        length += 1;
    }
    [length.to_string().as_bytes(), &rest].concat()
}

/// An archive of entries: the path is not looked at, as the library that writes it would.
struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn raw(mut self, path: &[u8], link: &[u8], mut header: Header, content: &[u8]) -> Self {
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        let header = header(EntryType::Regular, 0o644, content.len() as u64);
        self.raw(path.as_bytes(), b"", header, content.as_bytes())
    }

    fn other(self, path: &str, kind: EntryType, link: &str) -> Self {
        self.raw(path.as_bytes(), link.as_bytes(), header(kind, 0o755, 0), b"")
    }

    fn ahead(self, kind: EntryType, content: &[u8]) -> Self {
        self.raw(b"ahead", b"", header(kind, 0o644, content.len() as u64), content)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn unpacked(layers: &[Vec<u8>]) -> Result<(Tree, Vec<u8>, Vec<String>), LayerError> {
    within(layers, Limits::default())
}

fn within(layers: &[Vec<u8>], limits: Limits) -> Result<(Tree, Vec<u8>, Vec<String>), LayerError> {
    let mut unpacker = Unpacker::new(Vec::new(), limits);
    for layer in layers {
        unpacker.layer(layer.as_slice())?;
    }
    Ok(unpacker.finish())
}

fn content<'a>((tree, spool, _): &'a (Tree, Vec<u8>, Vec<String>), path: &str) -> Option<&'a [u8]> {
    match tree.node(tree.find(path.as_bytes())?)?.kind {
        Kind::File(content) => {
            let at = usize::try_from(content.at).unwrap();
            Some(&spool[at..at + usize::try_from(content.length).unwrap()])
        }
        _ => None,
    }
}

#[test]
fn contents_owners_and_times_come_through() {
    let long = format!("deep/{}/file", "d".repeat(200));
    let lower = Archive::new()
        .other("bin/", EntryType::Directory, "")
        .file("bin/tool", "one")
        .file("./bin/gone", "x")
        .file("empty", "")
        .other("bin/link", EntryType::Symlink, "tool")
        .other("hard", EntryType::Link, "bin/tool")
        .ahead(EntryType::GNULongName, format!("{long}\0").as_bytes())
        .file("short", "long")
        .ahead(EntryType::XGlobalHeader, b"")
        .ahead(EntryType::XHeader, &[record("path", "pax/n\u{e4}me".as_bytes()), record("uid", b"100000")].concat())
        .file("short", "pax")
        .bytes();
    let upper = Archive::new().file("bin/tool", "two").file("bin/.wh.gone", "").bytes();
    let all = unpacked(&[lower, upper]).unwrap();
    for (path, text) in [("bin/tool", "two"), ("hard", "one"), ("empty", ""), (&long, "long"), ("pax/n\u{e4}me", "pax")]
    {
        assert_eq!(content(&all, path), Some(text.as_bytes()), "{path}");
    }
    assert_eq!(content(&all, "bin/link"), Some(b"two".as_slice()));
    assert!(all.0.find(b"bin/gone").is_none() && all.0.find(b"short").is_none());
    let meta = |path: &[u8]| all.0.node(all.0.find(path).unwrap()).unwrap().meta;
    let tool = meta(b"bin/tool");
    assert_eq!((tool.mode, tool.uid, tool.gid, tool.mtime), (0o644, 1000, 70_000, 1_700_000_000));
    assert_eq!(meta("pax/n\u{e4}me".as_bytes()).uid, 100_000);
}

#[test]
fn what_a_sandbox_must_not_get_is_left_out() {
    let with_mode = |mode| header(EntryType::Regular, mode, 0);
    let layer = Archive::new()
        .raw(b"su", b"", with_mode(0o6755), b"")
        .raw(b"tmp/", b"", header(EntryType::Directory, 0o3777, 0), b"")
        .raw(b"sticky", b"", with_mode(0o1644), b"")
        .other("dev/null", EntryType::Char, "")
        .other("dev/sda", EntryType::Block, "")
        .other("pipe", EntryType::Fifo, "")
        .ahead(EntryType::XHeader, &record("SCHILY.xattr.security.capability", b"\n\x00\xff"))
        .file("capable", "x")
        .bytes();
    let (tree, _, notes) = unpacked(&[layer]).unwrap();
    let mode = |path: &[u8]| tree.node(tree.find(path).unwrap()).unwrap().meta.mode;
    assert_eq!((mode(b"su"), mode(b"tmp"), mode(b"sticky")), (0o755, 0o1777, 0o644));
    assert!(tree.find(b"capable").is_some() && tree.find(b"dev/null").is_none() && tree.find(b"pipe").is_none());
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("dev/null"), "{notes:?}");
    let many = (0..100).fold(Archive::new(), |archive, n| archive.other(&format!("dev/{n}"), EntryType::Char, ""));
    let notes = unpacked(&[many.bytes()]).unwrap().2;
    assert_eq!((notes.len(), notes[20].as_str()), (21, "and 80 more"));
}

#[test]
fn hostile_entries_are_refused() {
    let of = |archive: Archive| unpacked(&[archive.bytes()]).unwrap_err().to_string();
    let one = |path: &str| of(Archive::new().file(path, "x"));
    for path in ["../escape", "a/../../escape", "/../escape", "..", ".wh.", ".wh...", ".wh..wh..opq/../x"] {
        assert!(one(path).contains("holds `..`") || one(path).contains("whiteout"), "{path}: {}", one(path));
    }
    let link = |kind, link| of(Archive::new().file("a", "x").other("l", kind, link));
    assert!(link(EntryType::Link, "../../etc/passwd").contains("holds `..`"));
    assert!(link(EntryType::Link, "/etc/passwd").contains("no target"));
    assert!(link(EntryType::Link, "").contains("leads nowhere"));
    assert!(link(EntryType::Symlink, "").contains("leads nowhere"));
    assert!(of(Archive::new().other("l", EntryType::Symlink, "l").file("l/x", "")).contains("40 symbolic links"));
    assert!(of(Archive::new().file("f", "x").file("f/x", "")).contains("used as a directory"));
    assert!(of(Archive::new().other("x", EntryType::GNUSparse, "")).contains("sparse"));
    assert!(of(Archive::new().other("x", EntryType::new(b'Z'), "")).contains("kind"));
    let sized = header(EntryType::Symlink, 0o777, 512);
    assert!(of(Archive::new().raw(b"l", b"t", sized, &[0; 512])).contains("no file has a content"));
    let pax = |records: &[u8]| of(Archive::new().ahead(EntryType::XHeader, records).file("f", "x"));
    assert!(pax(&record("size", b"9")).contains("differ in its size"), "what one parser skips, another runs");
    assert!(pax(&record("GNU.sparse.major", b"1")).contains("sparse"));
    assert!(pax(&record("uid", b"99999999999")).contains("32 bits"));
    assert!(pax(b"nonsense").contains("extended header"));
    let nul = of(Archive::new().ahead(EntryType::XHeader, &record("path", b"a\0b")).file("f", "x"));
    assert!(nul.contains("NUL"), "{nul}");
}

#[test]
fn a_link_out_of_the_image_leads_nowhere_but_back_into_it() {
    let layer = Archive::new()
        .other("out", EntryType::Symlink, "../../../../../../etc")
        .other("abs", EntryType::Symlink, "/etc")
        .file("out/one", "1")
        .file("abs/two", "2")
        .bytes();
    let all = unpacked(&[layer]).unwrap();
    assert_eq!((content(&all, "etc/one"), content(&all, "etc/two")), (Some(b"1".as_slice()), Some(b"2".as_slice())));
}

#[test]
fn bombs_are_cut_off() {
    let limits = Limits { unpacked: 100_000, entries: 50, ..Limits::default() };
    let told = |layers: &[Vec<u8>]| within(layers, limits).unwrap_err().to_string();
    let large = Archive::new().file("f", &"x".repeat(60_000)).bytes();
    assert!(within(std::slice::from_ref(&large), limits).is_ok());
    assert!(told(&[large.clone(), large]).contains("100000 bytes"), "over all layers");
    let many = (0..60).fold(Archive::new(), |archive, _| archive.file("same", ""));
    assert!(told(&[many.bytes()]).contains("50 entries"));
    let behind = [Archive::new().bytes(), vec![0; 200_000]].concat();
    assert!(told(&[behind]).contains("100000 bytes"), "padding counts");
    let name = Archive::new().ahead(EntryType::GNULongName, &[b'x'; 5000]).file("f", "").bytes();
    assert!(told(&[name]).contains("bytes in a header"));
    let lies = Archive::new().raw(b"f", b"", header(EntryType::Regular, 0o644, 1 << 40), b"short").bytes();
    assert!(within(&[lies], Limits::default()).is_err(), "nothing is set aside for what is only announced");
}

#[test]
fn a_layer_that_is_cut_off_is_an_error() {
    let whole = Archive::new().file("a", &"x".repeat(2000)).file("b", "y").bytes();
    for end in [100, 511, 700, 2400, 2600] {
        assert!(unpacked(&[whole[..end].to_vec()]).is_err(), "{end}");
    }
    let mut damaged = whole;
    damaged[10] ^= 1;
    assert!(unpacked(&[damaged]).is_err(), "a header has a checksum");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = unpacked(&[bytes]);
    }

    /// Entries of every kind with paths of every kind: what comes out lies below the root.
    #[test]
    fn whatever_the_entries_say_the_tree_is_a_tree(entries in proptest::collection::vec(entry(), 0..30)) {
        let archive = entries.iter().fold(Archive::new(), |archive, (path, kind, link)| archive.other(path, *kind, link));
        if let Ok((tree, ..)) = unpacked(&[archive.bytes()]) {
            let mut open = vec![(tree.root(), 0)];
            while let Some((id, depth)) = open.pop() {
                prop_assert!(depth < 300);
                for (name, node) in tree.entries(id) {
                    prop_assert!(name != b"." && name != b".." && !name.contains(&b'/'));
                    open.push((node, depth + 1));
                }
            }
        }
    }
}

fn entry() -> impl Strategy<Value = (String, EntryType, String)> {
    let path = "(/|\\./)?((a|b|c|\\.\\.|\\.wh\\.a|\\.wh\\.\\.wh\\.\\.opq)/?){1,4}";
    let kinds = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link, EntryType::Fifo];
    (path, proptest::sample::select(kinds.to_vec()), path)
}
