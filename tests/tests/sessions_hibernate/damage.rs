//! Files that are not what was written.

use super::{Counted, file_of, node};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Does something to a file.
type Damage = fn(&Path);

fn length(path: &Path) -> u64 {
    path.metadata().expect("it is there").len()
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("it can be opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is as long");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("it can be written");
}

fn cut(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("it can be opened");
    file.set_len(length).expect("it can be cut");
}

const DAMAGES: [(&str, Damage); 9] = [
    ("in its preamble", |path| flip(path, 20)),
    ("in what its chunks have in common", |path| flip(path, 60)),
    ("at the length of the first part", |path| flip(path, 98)),
    ("in the first part", |path| flip(path, 4096)),
    ("in the middle", |path| flip(path, length(path) / 2)),
    ("shortly before the end of the state", |path| flip(path, length(path) - 32 * 1024)),
    ("in its last byte", |path| flip(path, length(path) - 1)),
    ("cut in the middle", |path| cut(path, length(path) / 2)),
    ("empty", |path| cut(path, 0)),
];

#[tokio::test]
async fn a_damaged_file_is_the_end_of_its_session_and_of_no_other() {
    let node = node("");
    let mut spared = Counted::open(&node).await;
    spared.sleep(&node).await;
    for (place, damage) in DAMAGES {
        let mut counted = Counted::open(&node).await;
        counted.sleep(&node).await;
        damage(&file_of(&node, &counted.name));
        let end = counted.is_over(&node, "hibernation_lost").await;
        let said = end["exit"].as_str().unwrap_or_default();
        assert!(said.starts_with("hibernated; "), "{place}: {said}");
        assert!(
            ["damaged", "written for another session", "no hibernated session"].iter().any(|w| said.contains(w)),
            "{place}: {said}"
        );
    }
    // The state of one session in the file of another.
    let (mut one, mut other) = (Counted::open(&node).await, Counted::open(&node).await);
    one.sleep(&node).await;
    other.sleep(&node).await;
    fs::copy(file_of(&node, &one.name), file_of(&node, &other.name)).expect("a file can be copied");
    other.is_over(&node, "hibernation_lost").await;
    assert_eq!(one.count().await, "2");
    // What was woken is not woken again, whoever puts its file back.
    one.sleep(&node).await;
    let (file, copy) = (file_of(&node, &one.name), node.home().path().join("copy"));
    fs::copy(&file, &copy).expect("a file can be copied");
    assert_eq!(one.count().await, "3");
    fs::copy(&copy, &file).expect("a file can be copied");
    one.sleep(&node).await;
    assert_eq!(one.count().await, "4", "not the state of then");
    let _ = fs::remove_file(&file);
    // A file that is gone.
    one.sleep(&node).await;
    fs::remove_file(file_of(&node, &one.name)).expect("it can be removed");
    one.is_over(&node, "hibernation_lost").await;
    assert_eq!(spared.count().await, "2");
    node.stop();
}
