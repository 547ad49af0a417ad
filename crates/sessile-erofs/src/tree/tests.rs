use proptest::prelude::*;

use super::{Content, Kind, Meta, NodeId, Tree, TreeError};

const META: Meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

fn file(at: u64) -> Kind {
    Kind::File(Content { at, length: 1 })
}

fn tree(entries: &[(&str, u16)]) -> Tree {
    let mut tree = Tree::new(1000);
    for (path, layer) in entries {
        let kind = match (path.strip_suffix('/'), path.split_once(" -> ")) {
            (Some(_), _) => Kind::directory(),
            (None, Some((_, target))) => Kind::Symlink(target.as_bytes().into()),
            (None, None) => file(u64::from(*layer)),
        };
        let path = path.split(" -> ").next().unwrap();
        tree.add(path.as_bytes(), META, kind, *layer).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    tree
}

/// All paths, directories with a slash.
fn paths(tree: &Tree) -> Vec<String> {
    fn walk(tree: &Tree, id: NodeId, prefix: &str, into: &mut Vec<String>) {
        for (name, node) in tree.entries(id) {
            let is_directory = tree.is_directory(node);
            let path = format!("{prefix}{}{}", String::from_utf8_lossy(name), if is_directory { "/" } else { "" });
            into.push(path.clone());
            walk(tree, node, &path, into);
        }
    }
    let mut into = Vec::new();
    walk(tree, tree.root(), "", &mut into);
    into
}

#[test]
fn layers_lie_over_each_other() {
    let tree =
        tree(&[("a/", 1), ("a/x", 1), ("a/y", 1), ("a/", 2), ("a/x", 2), ("b", 1), ("b/", 2), ("c/d", 1), ("c", 2)]);
    assert_eq!(paths(&tree), ["a/", "a/x", "a/y", "b/", "c"]);
    let x = tree.node(tree.find(b"/a/x").unwrap()).unwrap();
    assert_eq!(x.kind, file(2));
}

#[test]
fn a_whiteout_hides_what_lower_layers_have_and_nothing_of_its_own() {
    let lower = [("d/", 1), ("d/old", 1), ("d/sub/", 1), ("d/sub/old", 1), ("e", 1)];
    let with = |more: &[(&str, u16)]| paths(&tree(&[&lower, more].concat()));
    assert_eq!(with(&[(".wh.e", 2), ("d/.wh.old", 2)]), ["d/", "d/sub/", "d/sub/old"]);
    assert_eq!(with(&[(".wh.d", 2)]), ["e"]);
    assert_eq!(with(&[("d/", 2), ("d/new", 2), (".wh.d", 2)]), ["d/", "d/new", "e"], "in whatever order");
    assert_eq!(with(&[(".wh.d", 2), ("d/", 2), ("d/new", 2)]), ["d/", "d/new", "e"]);
    assert_eq!(with(&[("d/sub/new", 2), (".wh.d", 2)]), ["d/", "d/sub/", "d/sub/new", "e"]);
    assert_eq!(with(&[(".wh.nothing", 2)]).len(), 5);
}

#[test]
fn an_opaque_directory_shows_its_own_layer_only() {
    let lower = [("d/", 1), ("d/old", 1), ("d/sub/", 1), ("d/sub/old", 1)];
    for order in [["d/.wh..wh..opq", "d/sub/new"], ["d/sub/new", "d/.wh..wh..opq"]] {
        let upper: Vec<_> = order.iter().map(|path| (*path, 2)).collect();
        assert_eq!(paths(&tree(&[lower.as_slice(), &upper].concat())), ["d/", "d/sub/", "d/sub/new"]);
    }
}

#[test]
fn links_on_the_way_are_followed_within_the_tree() {
    let tree = tree(&[
        ("usr/lib/", 1),
        ("lib -> usr/lib", 1),
        ("up -> ../../../../usr", 1),
        ("abs -> /usr/lib", 1),
        ("lib/one", 2),
        ("up/two", 2),
        ("abs/three", 2),
        ("gone -> /not/there", 2),
        ("gone/four", 2),
    ]);
    for path in ["usr/lib/one", "usr/two", "usr/lib/three", "not/there/four"] {
        assert!(paths(&tree).contains(&path.to_owned()), "{path}: {:?}", paths(&tree));
    }
    assert!(matches!(tree.node(tree.find(b"lib/one").unwrap()).unwrap().kind, Kind::File(_)));
}

#[test]
fn a_link_itself_is_replaced_and_not_followed() {
    let tree = tree(&[("etc/passwd", 1), ("x -> /etc/passwd", 1), ("x", 2), ("d -> etc", 1), ("d/", 2)]);
    assert_eq!(paths(&tree), ["d/", "etc/", "etc/passwd", "x"]);
    assert_eq!(tree.node(tree.find(b"etc/passwd").unwrap()).unwrap().kind, file(1), "untouched");
}

#[test]
fn hard_links_share_a_node_until_one_is_replaced() {
    let mut tree = tree(&[("a", 1), ("d/", 1), ("s -> a", 1)]);
    tree.link(b"b", b"a", 1).unwrap();
    tree.link(b"/d/c", b"/b", 2).unwrap();
    tree.link(b"t", b"s", 2).unwrap();
    assert_eq!(tree.find(b"a"), tree.find(b"d/c"));
    assert!(matches!(tree.node(tree.follow(b"t", false).0.unwrap()).unwrap().kind, Kind::Symlink(_)));
    tree.add(b"b", META, file(9), 3).unwrap();
    assert_ne!(tree.find(b"a"), tree.find(b"b"));
    tree.link(b"a", b"a", 3).unwrap();
    assert!(tree.find(b"a").is_some(), "a link to itself takes nothing away");
    assert!(matches!(tree.link(b"e", b"d", 3), Err(TreeError::Link { .. })));
    assert!(matches!(tree.link(b"e", b"nothing", 3), Err(TreeError::Link { .. })));
    assert!(matches!(tree.link(b"e", b"../a", 3), Err(TreeError::Path { .. })));
}

#[test]
fn unfit_paths_are_refused() {
    let mut tree = tree(&[("a", 1), ("l -> m", 1), ("m -> l", 1)]);
    let mut add = |path: &[u8]| tree.add(path, META, file(0), 1);
    for path in
        ["../x", "a/../../x", "x/..", "a\0b", &"x".repeat(256), &"y/".repeat(2100), ".wh.", "d/.wh..", "d/.wh..."]
    {
        assert!(matches!(add(path.as_bytes()), Err(TreeError::Path { .. })), "{path}");
    }
    assert!(matches!(add(b""), Err(TreeError::Path { .. })), "the root is no file");
    assert!(matches!(add(b"a/b"), Err(TreeError::NotADirectory { .. })));
    assert_eq!(add(b"l/x"), Err(TreeError::Loop));
    assert_eq!(add("d/".repeat(300).as_bytes()), Err(TreeError::TooDeep));
    assert_eq!(add(b"/./absolute//is/fine"), Ok(()));
}

#[test]
fn what_it_costs_is_bounded() {
    let mut tree = Tree::new(10);
    let full = (0..20).find_map(|n| tree.add(format!("f{n}").as_bytes(), META, file(0), 1).err());
    assert_eq!(full, Some(TreeError::TooMany { most: 10 }));
    let mut tree = Tree::new(4000);
    for n in 0..3000 {
        tree.add(format!("d/{n}").as_bytes(), META, file(0), 1).unwrap();
    }
    let tired = (0..3000).find_map(|_| tree.add(b"d/.wh..wh..opq", META, file(0), 1).err());
    assert_eq!(tired, Some(TreeError::TooMuchWork));
    let mut tree = Tree::new(100_000);
    tree.add(b"a", META, Kind::directory(), 1).unwrap();
    tree.add(b"winding", META, Kind::Symlink("a/../".repeat(800).into_bytes().into()), 1).unwrap();
    let lost = (0..20_000).find_map(|n| tree.add(format!("winding/{n}").as_bytes(), META, file(0), 1).err());
    assert_eq!(lost, Some(TreeError::TooMuchWork));
    let mut tree = Tree::new(100_000);
    let long = || Kind::Symlink("x".repeat(4000).into_bytes().into());
    let full = (0..100_000).find_map(|n| tree.add(format!("{n}").as_bytes(), META, long(), 1).err());
    assert_eq!(full, Some(TreeError::TooMuchText));
}

proptest! {
    /// Whatever a layer holds, every node hangs below the root, once if it is a directory, and its name is plain.
    #[test]
    fn nothing_leaves_the_tree(steps in proptest::collection::vec(step(), 0..60)) {
        let mut tree = Tree::new(200);
        for (path, what, target, layer) in &steps {
            let (path, target) = (path.as_bytes(), target.as_bytes());
            let _ = match what {
                0 => tree.add(path, META, Kind::directory(), *layer),
                1 => tree.add(path, META, file(1), *layer),
                2 => tree.add(path, META, Kind::Symlink(target.into()), *layer),
                3 => tree.link(path, target, *layer),
                _ => tree.remove(path, *layer),
            };
        }
        let mut seen = std::collections::HashSet::new();
        let mut open = vec![tree.root()];
        while let Some(id) = open.pop() {
            prop_assert!(seen.insert(id), "a directory has two places");
            for (name, node) in tree.entries(id) {
                prop_assert!(!name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/') && !name.contains(&0));
                if tree.is_directory(node) { open.push(node); }
            }
        }
    }
}

fn step() -> impl Strategy<Value = (String, u8, String, u16)> {
    let path = "(/|\\./)?((a|b|c|\\.\\.|\\.|\\.wh\\.a|\\.wh\\.b|\\.wh\\.\\.wh\\.\\.opq)/?){1,4}";
    (path, 0..5_u8, path, 1..4_u16)
}
