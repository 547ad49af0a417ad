use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use super::{Copying, Scan, scan};
use crate::layer::Limits;
use crate::progress::Watch;
use crate::{ImageDigest, ImageError};
use sessile_erofs::{Content, Contents, Kind};

fn watch() -> Watch {
    Watch::new("dir:x", Arc::new(()), tokio_util::sync::CancellationToken::new())
}

fn scanned(path: &Path) -> Result<Scan, ImageError> {
    scan(path, &Limits::default(), &watch())
}

fn digest(path: &Path) -> ImageDigest {
    scanned(path).unwrap().digest
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir_all(at("usr/bin")).unwrap();
    fs::write(at("usr/bin/tool"), "one").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at(".wh.file"), "no whiteout").unwrap();
    symlink("usr/bin", at("bin")).unwrap();
    symlink("/etc/passwd", at("out")).unwrap();
    fs::hard_link(at("usr/bin/tool"), at("hard")).unwrap();
    directory
}

#[test]
fn a_directory_is_taken_as_it_is() {
    let directory = directory();
    let scan = scanned(directory.path()).unwrap();
    let kind = |path: &[u8]| scan.tree.entries(scan.tree.root()).find(|(name, _)| *name == path).map(|(_, id)| id);
    assert_eq!(kind(b"hard"), scan.tree.find(b"usr/bin/tool"), "one file with two names");
    assert!(kind(b".wh.file").is_some(), "names mean nothing here");
    let out = scan.tree.node(kind(b"out").unwrap()).unwrap();
    assert_eq!(out.kind, Kind::Symlink(b"/etc/passwd".as_slice().into()), "links are kept, not followed");
    assert_eq!(out.meta.uid, 0, "who owns the directory is root in it");
}

#[test]
fn the_digest_follows_everything_that_is_built() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    let first = digest(directory.path());
    assert_eq!(digest(directory.path()), first);
    let mut seen = vec![first];
    let mut changed = |what: &str, change: &dyn Fn()| {
        change();
        let now = digest(directory.path());
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    changed("content", &|| fs::write(at("usr/bin/tool"), "two").unwrap());
    changed("mode", &|| fs::set_permissions(at("empty"), PermissionsExt::from_mode(0o600)).unwrap());
    changed("name", &|| fs::rename(at("empty"), at("none")).unwrap());
    changed("target", &|| {
        fs::remove_file(at("out")).unwrap();
        symlink("/etc/group", at("out")).unwrap();
    });
    changed("a directory", &|| fs::create_dir(at("new")).unwrap());
    changed("a copy instead of a link", &|| {
        fs::remove_file(at("hard")).unwrap();
        fs::copy(at("usr/bin/tool"), at("hard")).unwrap();
    });
}

#[test]
fn what_is_no_file_is_left_out_and_said() {
    let directory = directory();
    let before = digest(directory.path());
    let time = fs::metadata(directory.path()).unwrap().modified().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    fs::File::open(directory.path()).unwrap().set_modified(time).unwrap();
    let scan = scanned(directory.path()).unwrap();
    assert_eq!(scan.notes, ["left out \"socket\", a device, pipe or socket"]);
    assert_eq!(scan.digest, before);
}

#[test]
fn a_file_that_changes_before_it_is_copied_is_found() {
    let directory = directory();
    let tool = directory.path().join("usr/bin/tool");
    fs::write(&tool, "long enough").unwrap();
    let scan = scanned(directory.path()).unwrap();
    let index = scan.files.found.iter().position(|(path, _)| path == b"hard").unwrap();
    let content = Content { at: index as u64, length: 11 };
    let watch = watch();
    let copy = || {
        let mut copying = Copying { files: &scan.files, watch: &watch, meter: watch.meter("copying", None) };
        let mut text = String::new();
        copying.open(content).and_then(|mut source| source.read_to_string(&mut text)).map(|_| text)
    };
    assert_eq!(copy().unwrap(), "long enough");
    for now in ["other text!", "short", "long enough, and longer", ""] {
        fs::write(&tool, now).unwrap();
        match copy() {
            // What was appended behind it is no part of what was read.
            Ok(text) => assert!(now.starts_with(&text) && text == "long enough"),
            Err(error) => assert!(matches!(error.downcast::<ImageError>(), Ok(ImageError::Changed { .. })), "{now}"),
        }
    }
    fs::remove_file(directory.path().join("hard")).unwrap();
    symlink("/etc/passwd", directory.path().join("hard")).unwrap();
    assert!(copy().is_err(), "a link that takes its place is not followed");
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = scanned(Path::new("/no/such/directory")).unwrap_err().to_string();
    assert!(error.contains("/no/such/directory"), "{error}");
    let directory = directory();
    let file = directory.path().join("empty");
    assert!(matches!(scanned(&file), Err(ImageError::Source { .. })));
    let few = Limits { entries: 3, ..Limits::default() };
    assert!(scan(directory.path(), &few, &watch()).unwrap_err().to_string().contains("more than 3"));
    let small = Limits { unpacked: 2, ..Limits::default() };
    assert!(scan(directory.path(), &small, &watch()).unwrap_err().to_string().contains("more than 2 bytes"));
}
