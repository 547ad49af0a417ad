//! What is written comes back, and what is not what was written does not.

use super::format::PREAMBLE;
use super::*;
use crate::{Ledger, Process};
use proptest::prelude::*;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const NO_LIMIT: u64 = u64::MAX;

fn label(session: &str, generation: u64) -> Label {
    Label { session: session.to_owned(), server: "files".to_owned(), principal: "ada-1".to_owned(), generation }
}

/// Bytes that do not get smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn write(place: &Hibernation, label: &Label, state: &[u8], head: &[u8]) -> Result<u64, HibernationError> {
    let mut draft = place.begin(label, NO_LIMIT)?;
    state.chunks(70_001).try_for_each(|part| draft.write(part))?;
    draft.settle()?.commit(head)
}

/// Head and state, or what is wrong; as much of the state as was given out before that.
fn read(place: &Hibernation, label: &Label) -> (Vec<u8>, Result<Vec<u8>, HibernationError>) {
    let mut state = Vec::new();
    let mut claimed = match place.claim(label) {
        Ok(claimed) => claimed,
        Err(error) => return (state, Err(error)),
    };
    let head = claimed.take_head();
    loop {
        match claimed.next_chunk() {
            Ok(Some(chunk)) => state.extend_from_slice(chunk),
            Ok(None) => return (state, Ok(head)),
            Err(error) => return (state, Err(error)),
        }
    }
}

fn place() -> (tempfile::TempDir, Hibernation) {
    let home = tempfile::tempdir().unwrap();
    let place = Hibernation::open(home.path()).unwrap();
    (home, place)
}

fn file(home: &Path, label: &Label, stage: &str) -> PathBuf {
    home.join("hibernated").join(format!("{}-{}.{stage}", label.session, label.generation))
}

fn names(place: &Hibernation) -> Vec<String> {
    let mut names = place.files().unwrap();
    names.sort();
    names
}

#[test]
fn what_is_written_comes_back_and_is_taken_once() {
    let (home, place) = place();
    let (one, state) = (label("s-1", 7), noise(3 * CHUNK / 2));
    let size = write(&place, &one, &state, b"who it is").unwrap();
    assert_eq!(names(&place), ["s-1-7.asleep"]);
    assert_eq!(size, file(home.path(), &one, "asleep").metadata().unwrap().len());
    assert!(place.size(&one).is_some());
    // Another process of the same user reads the same key.
    let again = Hibernation::open(home.path()).unwrap();
    let (read_state, head) = read(&again, &one);
    assert_eq!((read_state == state, head.unwrap()), (true, b"who it is".to_vec()));
    assert_eq!(names(&place), ["s-1-7.waking"]);
    assert!(place.size(&one).is_none());
    assert!(matches!(place.claim(&one), Err(HibernationError::Missing { .. })));
}

#[test]
fn a_head_finds_room_that_was_kept_for_it() {
    let (home, place) = place();
    let (one, state) = (label("s-1", 7), noise(CHUNK + 5));
    let mut draft = place.begin(&one, NO_LIMIT).unwrap();
    draft.write(&state).unwrap();
    let settled = draft.settle().unwrap();
    let on_disk = |path: PathBuf| std::os::unix::fs::MetadataExt::blocks(&path.metadata().unwrap()) * 512;
    assert!(on_disk(file(home.path(), &one, "new")) >= settled.size() + 256 * 1024, "it is the disk's promise");
    let size = settled.commit(b"who it is").unwrap();
    assert!(on_disk(file(home.path(), &one, "asleep")) < size + 256 * 1024, "what is left is given back");
    let (read_state, head) = read(&place, &one);
    assert_eq!((read_state == state, head.unwrap()), (true, b"who it is".to_vec()));
}

#[test]
fn what_was_taken_and_not_used_can_be_put_back() {
    let (_home, place) = place();
    let one = label("s-1", 1);
    write(&place, &one, b"state", b"head").unwrap();
    place.claim(&one).unwrap().give_back().unwrap();
    assert!(place.size(&one).is_some());
    assert_eq!(read(&place, &one).1.unwrap(), b"head");
}

#[test]
fn of_many_who_take_it_at_once_one_gets_it() {
    let (_home, place) = place();
    let one = label("s-1", 1);
    write(&place, &one, &noise(100_000), b"head").unwrap();
    let got = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..16).map(|_| scope.spawn(|| place.claim(&one).is_ok())).collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).filter(|got| *got).count()
    });
    assert_eq!(got, 1);
}

#[test]
fn memory_that_is_mostly_zeros_is_small_on_the_disk() {
    let (_home, place) = place();
    let size = write(&place, &label("s-1", 1), &vec![0; 16 * CHUNK], b"").unwrap();
    assert!(size < 16 * 1024, "{size}");
}

#[test]
fn a_bit_that_was_flipped_anywhere_is_noticed_before_the_part_is_used() {
    let (home, place) = place();
    let (one, state, head) = (label("s-1", 1), noise(CHUNK + CHUNK / 2), noise(9000));
    write(&place, &one, &state, &head).unwrap();
    let path = file(home.path(), &one, "asleep");
    let whole = fs::read(&path).unwrap();
    let everywhere = (0..PREAMBLE).chain((PREAMBLE..whole.len()).step_by(4096)).chain([whole.len() - 1]);
    for at in everywhere {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).unwrap();
        let (got, outcome) = read(&place, &one);
        let error = outcome.expect_err("a flipped bit");
        assert!(error.is_final(), "{at}: {error}");
        assert!(state.starts_with(&got), "{at}: what was given out is not what was written");
        let _ = fs::rename(file(home.path(), &one, "waking"), &path);
    }
}

#[test]
fn a_file_that_was_cut_or_grew_is_noticed_at_once() {
    let (home, place) = place();
    let one = label("s-1", 1);
    write(&place, &one, &noise(CHUNK + CHUNK / 2), &noise(9000)).unwrap();
    let path = file(home.path(), &one, "asleep");
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(4096).chain(0..PREAMBLE + 30).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = place.claim(&one).expect_err("a file that is too short");
        assert!(error.is_final() && place.size(&one).is_some(), "{length}: {error}");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(matches!(place.claim(&one), Err(HibernationError::Damaged { .. })));
}

#[test]
fn parts_that_were_exchanged_within_a_file_are_noticed() {
    let (home, place) = place();
    let (one, state) = (label("s-1", 1), noise(3 * CHUNK));
    write(&place, &one, &state, b"head").unwrap();
    let path = file(home.path(), &one, "asleep");
    let mut bytes = fs::read(&path).unwrap();
    let length = 4 + u32::from_le_bytes(bytes[PREAMBLE..PREAMBLE + 4].try_into().unwrap()) as usize;
    let (first, second) = bytes[PREAMBLE..PREAMBLE + 2 * length].split_at_mut(length);
    first.swap_with_slice(second);
    fs::write(&path, bytes).unwrap();
    let (got, outcome) = read(&place, &one);
    assert!(got.is_empty() && matches!(outcome, Err(HibernationError::Damaged { .. })));
}

#[test]
fn a_file_of_another_session_time_or_node_is_not_taken() {
    let (home, place) = place();
    let (one, two, later) = (label("s-1", 1), label("s-2", 1), label("s-1", 2));
    write(&place, &one, b"state of one", b"one").unwrap();
    for other in [&two, &later] {
        fs::copy(file(home.path(), &one, "asleep"), file(home.path(), other, "asleep")).unwrap();
        assert!(matches!(place.claim(other), Err(HibernationError::Foreign { .. })));
        // The preamble of the other one does not help.
        let genuine = Hibernation::open(home.path()).unwrap();
        place.remove(other).unwrap();
        write(&genuine, other, b"state of another", b"two").unwrap();
        let mut forged = fs::read(file(home.path(), &one, "asleep")).unwrap();
        let real = fs::read(file(home.path(), other, "asleep")).unwrap();
        forged[16..48].copy_from_slice(&real[16..48]);
        fs::write(file(home.path(), other, "asleep"), forged).unwrap();
        assert!(matches!(place.claim(other), Err(HibernationError::Damaged { .. })));
    }
    let (elsewhere, other_node) = self::place();
    fs::copy(file(home.path(), &one, "asleep"), file(elsewhere.path(), &one, "asleep")).unwrap();
    assert!(matches!(other_node.claim(&one), Err(HibernationError::Damaged { .. })));
}

#[test]
fn a_later_form_is_named() {
    let (home, place) = place();
    let one = label("s-1", 1);
    write(&place, &one, b"state", b"head").unwrap();
    let path = file(home.path(), &one, "asleep");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, bytes).unwrap();
    let error = place.claim(&one).expect_err("form 9").to_string();
    assert!(error.contains("it has form 9, and this version reads form 1"), "{error}");
}

#[test]
fn more_than_the_limit_is_refused_and_nothing_is_left() {
    let (_home, place) = place();
    let mut draft = place.begin(&label("s-1", 1), CHUNK as u64).unwrap();
    let state = noise(3 * CHUNK);
    assert!(matches!(draft.write(&state), Err(HibernationError::TooLarge { .. })));
    drop(draft);
    let draft = place.begin(&label("s-1", 2), 1000).unwrap();
    assert!(matches!(draft.settle().unwrap().commit(&noise(2000)), Err(HibernationError::TooLarge { .. })));
    assert_eq!(names(&place), [""; 0]);
}

#[test]
fn files_that_no_row_knows_are_swept() {
    let (home, place) = place();
    for name in ["s-1", "s-2", "s-3"] {
        write(&place, &label(name, 1), b"state", b"head").unwrap();
    }
    drop(place.claim(&label("s-2", 1)).unwrap());
    fs::write(file(home.path(), &label("s-4", 9), "new"), "half of something").unwrap();
    let found = place.files().unwrap();
    assert_eq!(place.sweep(&found, &[label("s-1", 1), label("s-3", 2)]).unwrap(), 3);
    assert_eq!(names(&place), ["s-1-1.asleep"]);
}

#[test]
fn what_is_kept_beside_a_file_comes_and_goes_with_it() {
    let (_home, place) = place();
    let begin = |number| {
        let draft = place.begin(&label("s-1", number), u64::MAX).unwrap();
        fs::create_dir(draft.beside()).unwrap();
        fs::write(draft.beside().join("part"), "of the host").unwrap();
        draft
    };
    drop(begin(1));
    drop(begin(2).settle().unwrap());
    assert_eq!(names(&place), [""; 0]);
    for number in [3, 4] {
        begin(number).settle().unwrap().commit(b"head").unwrap();
    }
    let kept = ["s-1-3.asleep", "s-1-3.beside", "s-1-4.asleep", "s-1-4.beside"];
    assert_eq!(names(&place), kept);
    let claimed = place.claim(&label("s-1", 3)).unwrap();
    assert_eq!(fs::read(claimed.beside().join("part")).unwrap(), b"of the host");
    claimed.give_back().unwrap();
    assert_eq!(names(&place), kept);
    place.remove(&label("s-1", 3)).unwrap();
    assert_eq!(names(&place), kept[2..]);
    assert_eq!(place.sweep(&place.files().unwrap(), &[]).unwrap(), 2);
    assert_eq!(names(&place), [""; 0]);
}

#[test]
fn key_and_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, place) = place();
    write(&place, &label("s-1", 1), b"state", b"head").unwrap();
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path().join("hibernation.key")), 0o600);
    assert_eq!(mode(home.path().join("hibernated")), 0o700);
    assert_eq!(mode(file(home.path(), &label("s-1", 1), "asleep")), 0o600);
    let whole = fs::read(file(home.path(), &label("s-1", 1), "asleep")).unwrap();
    assert!(!whole.windows(4).any(|window| window == b"head"), "nothing of it is in clear");
}

#[test]
fn identities_come_back_under_their_key_alone() {
    let ((_home, place), (_other_home, other)) = (place(), self::place());
    let sealed = place.seal(b"who").unwrap();
    assert_eq!(place.open_sealed(&sealed).unwrap(), b"who");
    assert_eq!(other.open_sealed(&sealed), None);
    assert_eq!(place.open_sealed(&sealed[1..]), None);
    assert_eq!(place.open_sealed(b""), None);
}

#[test]
fn a_row_goes_through_its_stages_and_no_others() {
    let ledger = Ledger::in_memory().unwrap();
    let one = label("s-1", 1);
    let row = HibernatedRow {
        label: one.clone(),
        lineage: "serve".to_owned(),
        runtime: Process::own().to_string(),
        driver: "microvm".to_owned(),
        stage: Stage::Writing,
        bytes: 0,
        opened_ms: 1,
        since_ms: 2,
        expires_ms: 3,
        calls: 4,
        wakes: 5,
        identity: vec![1, 2, 3],
    };
    let stage = || ledger.hibernated().unwrap().first().map(|row| (row.stage, row.bytes));
    assert!(!ledger.hibernation_done(&one, 9).unwrap(), "no row");
    ledger.hibernation_begins(&row).unwrap();
    assert_eq!(ledger.hibernated().unwrap(), std::slice::from_ref(&row));
    assert!(!ledger.hibernation_wakes(&one).unwrap(), "it is not asleep");
    assert!(ledger.hibernation_done(&one, 9).unwrap());
    assert_eq!(stage(), Some((Stage::Asleep, 9)));
    assert!(!ledger.hibernation_wakes(&label("s-1", 2)).unwrap(), "another generation");
    assert!(ledger.hibernation_wakes(&one).unwrap());
    assert!(!ledger.hibernation_wakes(&one).unwrap(), "once");
    assert!(ledger.hibernation_goes_on(&one).unwrap());
    assert_eq!(stage(), Some((Stage::Asleep, 9)));
    assert!(ledger.hibernation_taken_over(&row, "another").unwrap());
    assert!(!ledger.hibernation_taken_over(&row, "a third").unwrap(), "another one was faster");
    ledger.hibernation_over(&label("s-1", 2)).unwrap();
    assert!(stage().is_some(), "another generation's end is not its end");
    ledger.hibernation_over(&one).unwrap();
    assert_eq!(stage(), None);
}

/// A full disk, for root: a file system of 3 MiB.
#[test]
fn a_disk_that_is_full_is_named_and_nothing_is_left() {
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    let home = tempfile::tempdir().unwrap();
    if mount("tmpfs", home.path(), "tmpfs", MountFlags::empty(), Some(c"size=3m,mode=700")).is_err() {
        return; // not root: the other tests hold
    }
    let place = Hibernation::open(home.path()).unwrap();
    let outcomes: Vec<_> =
        [5 * CHUNK, 2 * CHUNK].map(|length| write(&place, &label("s-1", 1), &noise(length), b"head")).into();
    let left = names(&place);
    unmount(home.path(), UnmountFlags::empty()).unwrap();
    assert!(matches!(outcomes[0], Err(HibernationError::Full { .. })), "{:?}", outcomes[0]);
    assert!(outcomes[1].is_ok(), "what the first one took was given back: {:?}", outcomes[1]);
    assert_eq!(left, ["s-1-1.asleep"]);
}

const HELPER: &str = "SESSILE_TEST_WRITES_HIBERNATED";

/// Writes sessions until it is killed; a test of its own only in the process that the next one starts.
#[test]
#[allow(clippy::print_stdout, reason = "it tells its parent that it has begun")]
fn writes_until_it_is_killed() {
    let Some(home) = std::env::var_os(HELPER) else { return };
    let place = Hibernation::open(Path::new(&home)).unwrap();
    let state = noise(CHUNK + 5);
    println!("\nready");
    for generation in 0.. {
        let one = label("s-1", generation);
        write(&place, &one, &state, b"head").unwrap();
        drop(place.claim(&one).unwrap());
        place.remove(&one).unwrap();
    }
}

#[test]
fn a_writer_that_is_killed_at_any_moment_leaves_a_whole_file_or_none() {
    let state = noise(CHUNK + 5);
    for round in 0..24_u64 {
        let home = tempfile::tempdir().unwrap();
        let mut helper = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hibernation::tests::writes_until_it_is_killed", "--nocapture"])
            .env(HELPER, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
        while lines.next().unwrap().unwrap() != "ready" {}
        std::thread::sleep(Duration::from_micros(round * round * 97));
        helper.kill().unwrap();
        helper.wait().unwrap();
        let place = Hibernation::open(home.path()).unwrap();
        for name in names(&place) {
            let (stem, stage) = name.rsplit_once('.').unwrap();
            let one = label("s-1", stem.rsplit_once('-').unwrap().1.parse().unwrap());
            match stage {
                "asleep" => {
                    let (got, head) = read(&place, &one);
                    assert!(got == state && head.unwrap() == b"head", "{name}");
                }
                _ => assert!(matches!(place.claim(&one), Err(HibernationError::Missing { .. })), "{name}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_state_and_head_come_back(
        state in proptest::collection::vec(any::<u8>(), 0..5000),
        repeat in 0_usize..600,
        head in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let (_home, place) = place();
        let (one, state) = (label("s-1", 3), state.repeat(repeat));
        write(&place, &one, &state, &head).unwrap();
        let (got, read_head) = read(&place, &one);
        prop_assert!(got == state);
        prop_assert_eq!(read_head.unwrap(), head);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4000), is_shaped in any::<bool>()) {
        let one = label("s-1", 3);
        let mut bytes = bytes;
        if is_shaped && bytes.len() > PREAMBLE {
            let beginning = super::format::Beginning::new(&one).unwrap();
            let layout = super::format::Layout {
                head_at: (bytes.len() - 20.min(bytes.len() - PREAMBLE)) as u64,
                head_bytes: 20.min(bytes.len() - PREAMBLE) as u32,
                state_bytes: 7,
                chunks: 2,
            };
            bytes[..PREAMBLE].copy_from_slice(&beginning.preamble(&layout));
        }
        prop_assert!(read_any(&bytes, &one).is_err());
    }
}
