//! Sealers that share a state directory, as nodes do. Each has its own memory and its own lock.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use insta::assert_snapshot;

use super::{DAY, NOW, ticket};
use crate::request_state::{KeyError, Refused, Sealer};

fn at(directory: &Path, now_ms: u64) -> Sealer {
    Sealer::open_or_create_at(directory, now_ms).expect("usable")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The error's text, with the directory's own name taken out.
fn told(directory: &Path, error: &KeyError) -> String {
    error.to_string().replace(directory.to_str().unwrap(), "DIR")
}

fn refusal(directory: &Path) -> String {
    told(directory, &Sealer::open_or_create_at(directory, NOW).expect_err("refused"))
}

#[test]
fn keys_outlive_the_process() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("var/state");
    let text = at(&directory, NOW).seal(&ticket()).unwrap();
    assert_eq!(at(&directory, NOW + DAY - 1).open(&text), Ok(ticket()));
    // Opened a day later it rotates, and the second time the key is gone.
    assert_eq!(at(&directory, NOW + DAY).open(&text), Ok(ticket()));
    assert_eq!(at(&directory, NOW + 2 * DAY).open(&text), Err(Refused));
}

#[test]
fn nobody_else_may_read_the_keys() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("state");
    at(&directory, NOW);
    assert_eq!(mode(&directory), 0o700);
    let file = directory.join("request-state.keys");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&directory.join("request-state.keys.lock")), 0o600);
    for open in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&file, fs::Permissions::from_mode(open)).unwrap();
        assert!(refusal(&directory).contains(&format!("(mode {open:04o})")), "{}", refusal(&directory));
    }
    assert_snapshot!(refusal(&directory), @"DIR/request-state.keys is open to other users of this machine (mode 0601); delete it, or run `chmod 600 DIR/request-state.keys` if you know that nobody read it");
}

#[test]
fn a_node_that_meets_an_unknown_key_looks_again() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (at(home.path(), NOW), at(home.path(), NOW));
    let before = other.seal(&ticket()).unwrap();
    assert!(one.rotate_if_due(NOW + DAY).unwrap());
    let after = one.seal(&ticket()).unwrap();
    assert_eq!(other.open(&after), Ok(ticket()));
    assert_eq!(other.open(&before), Ok(ticket()));
    // It has learnt the key: now it seals with it, and has nothing to rotate.
    assert_eq!(other.seal(&ticket()).unwrap()[..12], after[..12]);
    assert!(!other.rotate_if_due(NOW + DAY).unwrap());
}

#[test]
fn of_many_that_rotate_at_once_one_makes_the_key() {
    let home = tempfile::tempdir().unwrap();
    let first = at(home.path(), NOW).seal(&ticket()).unwrap();
    for day in 1..20 {
        let now = NOW + day * DAY;
        let sealers: Vec<_> = (0..6).map(|_| at(home.path(), now - 1)).collect();
        let before = sealers[0].seal(&ticket()).unwrap();
        let start = Barrier::new(sealers.len());
        let changed: Vec<bool> = thread::scope(|scope| {
            let rotations: Vec<_> = sealers
                .iter()
                .map(|sealer| {
                    scope.spawn(|| {
                        start.wait();
                        sealer.rotate_if_due(now).unwrap()
                    })
                })
                .collect();
            rotations.into_iter().map(|rotation| rotation.join().unwrap()).collect()
        });
        assert_eq!(changed, [true; 6]);
        let texts: Vec<String> = sealers.iter().map(|sealer| sealer.seal(&ticket()).unwrap()).collect();
        assert!(texts.iter().all(|text| text[..12] == texts[0][..12]), "one key on day {day}");
        for sealer in &sealers {
            assert_eq!(sealer.open(&before), Ok(ticket()), "rotated once on day {day}");
        }
    }
    assert_eq!(at(home.path(), NOW + 19 * DAY).open(&first), Err(Refused));
}

#[test]
fn many_that_start_at_once_have_the_same_key() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("state");
    let start = Barrier::new(6);
    let sealers: Vec<Sealer> = thread::scope(|scope| {
        let starts = (0..6).map(|_| {
            scope.spawn(|| {
                start.wait();
                at(&directory, NOW)
            })
        });
        let starts: Vec<_> = starts.collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let text = sealers[0].seal(&ticket()).unwrap();
    assert!(sealers.iter().all(|sealer| sealer.open(&text) == Ok(ticket())));
}

#[test]
fn a_lost_key_file_does_not_stop_a_node_and_voids_its_states() {
    let home = tempfile::tempdir().unwrap();
    let sealer = at(home.path(), NOW);
    let text = sealer.seal(&ticket()).unwrap();
    fs::remove_file(home.path().join("request-state.keys")).unwrap();
    assert_eq!(sealer.open(&text), Ok(ticket()));
    assert_eq!(at(home.path(), NOW).open(&text), Err(Refused));
}

#[test]
fn keys_that_cannot_be_written_leave_the_old_ones_at_work() {
    let home = tempfile::tempdir().unwrap();
    let sealer = at(home.path(), NOW);
    // A directory where the draft goes cannot be replaced by a file, not even by root.
    fs::create_dir(home.path().join("request-state.keys.new")).unwrap();
    let error = sealer.rotate_if_due(NOW + DAY).expect_err("not written");
    assert_snapshot!(told(home.path(), &error), @"cannot remove DIR/request-state.keys.new: Is a directory (os error 21)");
    let text = sealer.seal(&ticket()).unwrap();
    assert_eq!(sealer.open(&text), Ok(ticket()));
    assert_eq!(at(home.path(), NOW).open(&text), Ok(ticket()));
}

#[test]
fn what_a_crash_left_is_written_over() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("request-state.keys.new"), "# sess").unwrap();
    let text = at(home.path(), NOW).seal(&ticket()).unwrap();
    assert_eq!(at(home.path(), NOW).open(&text), Ok(ticket()));
    assert!(!home.path().join("request-state.keys.new").exists());
}

#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    assert_snapshot!(refusal(&file.join("state")), @"cannot use the state directory DIR: Not a directory (os error 20); name one that this user may write to");
    let open = home.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert_snapshot!(refusal(&open), @"the state directory DIR can be written by every user of this machine (mode 0777); run `chmod o-w DIR`");
}

#[test]
fn a_key_file_that_is_no_file_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("request-state.keys");
    fs::create_dir(&file).unwrap();
    assert_snapshot!(refusal(home.path()), @"DIR/request-state.keys is not a regular file; move it away");
    fs::remove_dir(&file).unwrap();
    symlink("elsewhere", &file).unwrap();
    assert_snapshot!(refusal(home.path()), @"cannot open DIR/request-state.keys: Too many levels of symbolic links (os error 40)");
}
