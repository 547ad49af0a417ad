use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Keep, State, Store, build, lock::Lock};
use crate::{Image, ImageError, ImageRef};

const DAY: Duration = Duration::from_secs(86_400);

/// A store, and directories to build from.
struct Fixture {
    state: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        Self { state, store }
    }

    fn reference(&self, name: &str) -> ImageRef {
        let path = self.state.path().join(name);
        if !path.exists() {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("file"), name.repeat(3000)).unwrap();
        }
        ImageRef::Directory(path)
    }

    async fn build(&self, name: &str) -> Image {
        self.store.build(&self.reference(name), Arc::new(())).await.unwrap()
    }

    /// Makes it look as if it was not used for so long.
    fn age(&self, key: &str, days: u32) {
        let stamp = fs::File::options().append(true).open(self.directory(key).join("checked")).unwrap();
        stamp.set_modified(SystemTime::now() - DAY * days).unwrap();
    }

    fn directory(&self, key: &str) -> PathBuf {
        self.store.root.join(key)
    }
}

/// Changes bytes as a disk would that fails: the file's times stay, as far as a program can have them stay.
fn flip(path: &Path) {
    let writable = |mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let before = fs::metadata(path).unwrap().modified().unwrap();
    writable(0o644);
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 5000).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], 5000).unwrap();
    file.set_modified(before).unwrap();
    writable(0o444);
}

#[tokio::test]
async fn what_was_written_to_is_found_when_it_is_opened_and_made_anew() {
    let fixture = Fixture::new();
    let image = fixture.build("a").await;
    let (path, key, digest) = (image.path().to_owned(), image.key().to_owned(), image.content_digest());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
    drop(image);
    flip(&path);
    assert!(matches!(fixture.store.get(&key), Err(ImageError::Damaged { .. })));
    let listed = fixture.store.list(false).unwrap();
    assert_eq!(listed[0].state, State::Damaged("its content is not what it was"));
    let again = fixture.build("a").await;
    assert_eq!((again.key(), again.content_digest()), (key.as_str(), digest));
    assert_eq!(fixture.store.list(true).unwrap()[0].state, State::Sound);
}

#[tokio::test]
async fn what_a_disk_changed_without_a_trace_is_found_by_verifying() {
    let fixture = Fixture::new();
    let image = fixture.build("a").await;
    flip(image.path());
    // As if the change had left no trace: the file looks as it was last seen.
    super::stamp::write(&fixture.directory(image.key()), &fs::File::open(image.path()).unwrap()).unwrap();
    assert_eq!(fixture.store.list(false).unwrap()[0].state, State::Sound);
    assert!(matches!(fixture.store.list(true).unwrap()[0].state, State::Damaged(_)));
}

#[tokio::test]
async fn a_copied_store_is_checked_once_and_used() {
    let fixture = Fixture::new();
    let image = fixture.build("a").await;
    let (path, key) = (image.path().to_owned(), image.key().to_owned());
    drop(image);
    let copy = path.with_extension("copy");
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    let directory = fixture.directory(&key);
    assert!(!super::stamp::fits(&directory, &fs::File::open(&path).unwrap()));
    assert!(fixture.store.get(&key).unwrap().is_some());
    assert!(super::stamp::fits(&directory, &fs::File::open(&path).unwrap()));
}

#[tokio::test]
async fn a_damaged_record_is_no_record() {
    let fixture = Fixture::new();
    let image = fixture.build("a").await;
    let (key, record) = (image.key().to_owned(), fixture.directory(image.key()).join("meta.json"));
    drop(image);
    let text = fs::read_to_string(&record).unwrap();
    assert!(text.contains("\"reference\": \"dir:"), "{text}");
    fs::write(&record, text.replace("\"env\": []", "\"env\": [[\"LD_PRELOAD\",\"x\"]]")).unwrap();
    assert!(matches!(fixture.store.get(&key), Err(ImageError::Damaged { .. })));
    fixture.build("a").await;
    assert!(fixture.store.get(&key).unwrap().is_some());
    for odd in ["", ".", "..", ".staging", "a/../b", "/etc"] {
        assert!(fixture.store.get(odd).unwrap().is_none(), "{odd}");
    }
}

#[tokio::test]
async fn pruning_keeps_what_is_used_named_or_young() {
    let fixture = Fixture::new();
    let held = fixture.build("held").await;
    let mut keys = std::collections::BTreeMap::from([("held", held.key().to_owned())]);
    for name in ["named", "young", "old", "broken"] {
        keys.insert(name, fixture.build(name).await.key().to_owned());
    }
    for name in ["held", "named", "old"] {
        fixture.age(&keys[name], 40);
    }
    flip(&fixture.directory(&keys["broken"]).join("image.erofs"));
    let named = [fixture.reference("named")];
    let why = |pruned: &[super::Pruned], name: &str| {
        pruned.iter().find(|pruned| pruned.stored.key == keys[name]).map(|pruned| pruned.kept)
    };
    let told = fixture.store.prune(DAY * 30, &named, true).unwrap();
    assert_eq!(fixture.store.list(false).unwrap().len(), 5, "nothing went");
    // Another process, which shares nothing but the disk.
    let done = Store::open(fixture.state.path()).unwrap().prune(DAY * 30, &named, false).unwrap();
    for pruned in [told, done] {
        assert_eq!(why(&pruned, "held"), Some(Some(Keep::InUse)));
        assert_eq!(why(&pruned, "named"), Some(Some(Keep::Referenced)));
        assert_eq!(why(&pruned, "young"), Some(Some(Keep::Recent)));
        assert_eq!((why(&pruned, "old"), why(&pruned, "broken")), (Some(None), Some(None)));
    }
    let left: Vec<_> = fixture.store.list(false).unwrap().into_iter().map(|stored| stored.key).collect();
    assert_eq!(left.len(), 3);
    assert!(!left.contains(&keys["old"]) && fs::metadata(held.path()).is_ok());
    drop(held);
    fixture.age(&keys["held"], 40);
    let done = fixture.store.prune(DAY * 30, &named, false).unwrap();
    assert_eq!(why(&done, "held"), Some(None), "nobody holds it any more");
}

#[tokio::test]
async fn using_an_image_keeps_it_young_and_an_older_build_of_a_name_is_not_what_it_means() {
    let fixture = Fixture::new();
    let key = fixture.build("a").await.key().to_owned();
    fixture.age(&key, 40);
    drop(fixture.store.get(&key).unwrap());
    let used = fixture.store.list(false).unwrap()[0].used_at.unwrap();
    assert!(used.elapsed().unwrap() < DAY);
    fixture.age(&key, 40);
    // The record tells the two apart by seconds.
    let before = super::record::Record::read(&fixture.directory(&key)).unwrap();
    before.aged(100).write(&fixture.directory(&key)).unwrap();
    let reference = fixture.reference("a");
    fs::write(fixture.state.path().join("a/file"), "changed").unwrap();
    let newer = fixture.store.build(&reference, Arc::new(())).await.unwrap().key().to_owned();
    fixture.age(&newer, 40);
    let pruned = fixture.store.prune(DAY * 30, &[reference], false).unwrap();
    let kept = |key: &str| pruned.iter().find(|pruned| pruned.stored.key == key).unwrap().kept;
    assert_eq!((kept(&key), kept(&newer)), (None, Some(Keep::Referenced)));
}

#[test]
fn sweeping_removes_what_nobody_is_making() {
    let fixture = Fixture::new();
    let root = &fixture.store.root;
    for name in ["dead", "alive", "gone.old"] {
        fs::create_dir_all(root.join(".staging").join(name).join("work")).unwrap();
    }
    let lock = Lock::try_take(root, "alive").unwrap().unwrap();
    assert!(Lock::try_take(root, "alive").unwrap().is_none());
    assert_eq!(fixture.store.sweep(), 2);
    assert!(root.join(".staging/alive").exists() && !root.join(".staging/dead").exists());
    drop(lock);
    assert_eq!(fixture.store.sweep(), 1);
    assert_eq!(fs::read_dir(root.join(".locks")).unwrap().count(), 0, "locks leave no files");
}

#[test]
fn a_tag_alone_builds_nothing_and_says_what_to_do() {
    let fixture = Fixture::new();
    let image = ImageRef::parse("registry.example/name:v1").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(fixture.store.build(&image, Arc::new(()))).unwrap_err().to_string();
    assert_eq!(
        error,
        "registry.example/name:v1 has no digest, and a tag may move; run `sessile images build registry.example/name:v1`, and write the reference with the digest that it prints"
    );
    assert!(build::pinned(&image).is_none());
}
