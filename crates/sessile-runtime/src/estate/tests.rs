//! The writer of each test is "killed" by being forgotten; the next one opens the same file.

use super::*;
use proptest::prelude::*;

fn next(estate: &Estate) -> (Estate, Left) {
    Estate::open(estate.file().try_clone().unwrap()).unwrap().expect("there is a record")
}

#[test]
fn the_newest_record_counts_whatever_its_length() {
    let estate = Estate::new(1000).unwrap();
    assert!(Estate::open(estate.file().try_clone().unwrap()).unwrap().is_none(), "nothing was left");
    for length in [1, 5, 1 << 20, 3, 0, 300 << 10, 2] {
        let record = "x".repeat(length);
        assert!(estate.save(record.as_bytes()));
        assert_eq!(next(&estate).1.record, record);
    }
}

#[test]
fn a_record_beyond_all_bounds_leaves_none() {
    let estate = Estate::new(1000).unwrap();
    assert!(estate.save(b"small"));
    assert!(!estate.save(&vec![b'x'; SLOT + 1]));
    assert!(Estate::open(estate.file().try_clone().unwrap()).unwrap().is_none());
    assert!(estate.save(b"small again"));
    assert_eq!(next(&estate).1.record, "small again");
}

#[test]
fn what_was_under_way_is_known() {
    let estate = Estate::new(1000).unwrap();
    estate.save(b"r");
    estate.write(10, || Ok(4)).unwrap();
    assert!(estate.write(6, || Err(io::ErrorKind::WouldBlock.into())).is_err());
    let Left { written, attempt, .. } = next(&estate).1;
    assert_eq!((written, attempt), (4, 0));
    estate
        .write(6, || {
            let (goes_on, Left { written, attempt, .. }) = next(&estate);
            assert_eq!((written, attempt), (4, 6));
            goes_on.save(b"settled");
            assert_eq!(next(&goes_on).1.attempt, 0, "settled once");
            Ok(6)
        })
        .unwrap();
    assert_eq!(next(&estate).1.written, 10);
}

#[test]
fn what_is_no_estate_is_refused() {
    let other = Memory::new(1 << 20).unwrap();
    assert!(Estate::open(other.file().try_clone().unwrap()).is_err());
    let small = Memory::new(8).unwrap();
    assert!(Estate::open(small.file().try_clone().unwrap()).is_err());
    let mutable = tempfile::tempfile().unwrap();
    mutable.set_len(1 << 20).unwrap();
    assert!(Estate::open(mutable.into()).is_err(), "it could be cut short under our feet");
}

proptest! {
    #[test]
    fn the_last_words_are_kept_across_owners(
        pieces in proptest::collection::vec((0_usize..3 * TAIL_BYTES, any::<bool>()), 1..20),
    ) {
        let estate = Estate::new(1000).unwrap();
        estate.save(b"r");
        let (mut tail, mut all) = (estate.tail(), Vec::new());
        for (length, is_killed) in pieces {
            let piece: Vec<u8> = (0..length).map(|n| u8::try_from((all.len() + n) % 251).unwrap()).collect();
            tail.add(&piece);
            all.extend(piece);
            if is_killed {
                tail = next(&estate).0.tail();
            }
            prop_assert_eq!(&tail.bytes(), &all[all.len().saturating_sub(TAIL_BYTES)..]);
        }
    }

    /// Whatever is read and accounted for, in whatever pieces, and wherever the reader is killed: the next one gets exactly the bytes
    /// that are not accounted for.
    #[test]
    fn nothing_read_is_lost_or_read_twice(
        steps in proptest::collection::vec((1_usize..READ_CHUNK, 0_usize..20_000, any::<bool>(), any::<bool>()), 1..30),
    ) {
        let estate = Estate::new(20_000).unwrap();
        estate.save(b"r");
        let mut inbox = estate.inbox();
        let (mut all, mut taken) = (Vec::new(), 0);
        for (length, take, killed, before_noted) in steps {
            let room = inbox.room(taken as u64);
            let length = length.min(room.len());
            let fresh: Vec<u8> = (0..length).map(|n| b'a' + u8::try_from((all.len() + n) % 26).unwrap()).collect();
            room[..length].copy_from_slice(&fresh);
            all.extend_from_slice(&fresh);
            if killed && before_noted {
                inbox = next(&estate).0.inbox();
                prop_assert_eq!(&inbox.rest(taken as u64), &all[taken..]);
            } else {
                inbox.took(length);
                prop_assert_eq!(&inbox.rest(taken as u64), &all[taken..]);
            }
            // A line that is not whole never has more than the limit.
            taken = (taken + take).min(all.len()).max(all.len().saturating_sub(20_000));
            if killed && !before_noted {
                inbox = next(&estate).0.inbox();
                prop_assert_eq!(&inbox.rest(taken as u64), &all[taken..]);
            }
        }
    }
}
