use std::collections::BTreeMap;

use super::{FILE, Lock, LockedPackage, Outcome};
use crate::Registry;

fn lock(packages: &[(&str, &str, &str)]) -> Lock {
    let packages = packages.iter().map(|(name, version, hash)| LockedPackage {
        name: (*name).into(),
        version: (*version).into(),
        hash: (*hash).into(),
    });
    let outcome = Outcome {
        name: "a".into(),
        version: "1".into(),
        interpreter: "/usr/bin/node".into(),
        programs: BTreeMap::new(),
        default: None,
        packages: packages.collect(),
    };
    Lock::new("npm:a".into(), Registry::Npm, outcome)
}

#[test]
fn the_digest_follows_names_versions_and_hashes_and_not_their_order() {
    let base = lock(&[("a", "1", "x"), ("b", "2", "y")]).digest;
    assert_eq!(base, lock(&[("b", "2", "y"), ("a", "1", "x")]).digest);
    for other in
        [[("a", "1", "x"), ("b", "2", "z")], [("a", "1", "x"), ("b", "3", "y")], [("a", "1", "x"), ("c", "2", "y")]]
    {
        assert_ne!(base, lock(&other).digest);
    }
    assert!(base.starts_with("sha256:") && base.len() == 7 + 64, "{base}");
}

#[test]
fn what_is_written_is_read_back_and_damage_is_no_installation() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(Lock::read(directory.path()), None);
    let written = lock(&[("a", "1", "x")]);
    written.write(directory.path()).unwrap();
    assert_eq!(Lock::read(directory.path()), Some(written));
    let file = directory.path().join(FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"format\": 1", "\"format\": 0")).unwrap();
    assert_eq!(Lock::read(directory.path()), None, "of another format");
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    assert_eq!(Lock::read(directory.path()), None, "cut off");
}
