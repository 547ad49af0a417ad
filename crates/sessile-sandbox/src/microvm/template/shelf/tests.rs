use super::*;
use crate::microvm::restore_key;

fn key(number: usize) -> RestoreKey {
    restore_key::numbered(number)
}

fn template(shelf: &Shelf<String>, key: &RestoreKey, now: Instant) -> Option<Arc<String>> {
    match shelf.find(key, now) {
        Found::Template(template) => Some(template),
        Found::None(_) => None,
    }
}

#[test]
fn a_template_is_made_once_and_found_from_then_on() {
    let (shelf, now) = (Shelf::default(), Instant::now());
    assert!(template(&shelf, &key(1), now).is_none());
    assert!(shelf.claim(&key(1), now));
    assert!(!shelf.claim(&key(1), now), "it is being made");
    assert!(template(&shelf, &key(1), now).is_none());
    assert!(shelf.claim(&key(2), now), "another kind is another template");
    shelf.made(&key(1), Ok("one".to_owned()), now);
    assert_eq!(template(&shelf, &key(1), now).as_deref().map(String::as_str), Some("one"));
    assert!(!shelf.claim(&key(1), now), "it is there");
}

#[test]
fn one_that_is_not_used_goes_once_its_last_copy_has_ended() {
    let (shelf, now) = (Shelf::default(), Instant::now());
    shelf.claim(&key(1), now);
    shelf.made(&key(1), Ok("one".to_owned()), now);
    let copy = template(&shelf, &key(1), now + IDLE / 2);
    shelf.tidy(now + IDLE);
    shelf.tidy(now + 3 * IDLE);
    assert!(template(&shelf, &key(1), now + 3 * IDLE).is_some(), "a copy lives");
    drop(copy);
    shelf.tidy(now + 3 * IDLE + IDLE / 2);
    assert!(template(&shelf, &key(1), now + 3 * IDLE + IDLE / 2).is_some());
    shelf.tidy(now + 5 * IDLE);
    assert!(template(&shelf, &key(1), now + 5 * IDLE).is_none());
    assert!(shelf.claim(&key(1), now + 5 * IDLE), "and is made again");
}

#[test]
fn a_kind_that_fails_three_times_is_left_alone_for_a_while() {
    let (shelf, now) = (Shelf::<String>::default(), Instant::now());
    for attempt in 0..FAILURES {
        assert!(shelf.claim(&key(1), now), "{attempt}");
        shelf.made(&key(1), Err(format!("failure {attempt}")), now);
        let why = matches!(shelf.find(&key(1), now), Found::None(Some(why)) if why == format!("failure {attempt}"));
        assert!(why);
    }
    assert!(!shelf.claim(&key(1), now + REST / 2));
    assert!(shelf.claim(&key(1), now + REST));
}

#[test]
fn a_template_whose_copies_fail_is_let_go_of_and_one_good_copy_forgives() {
    let (shelf, now) = (Shelf::default(), Instant::now());
    shelf.claim(&key(1), now);
    shelf.made(&key(1), Ok("one".to_owned()), now);
    let fail = |times: u32| (0..times).for_each(|_| shelf.copied(&key(1), Err("no answer".into()), now));
    fail(FAILURES - 1);
    shelf.copied(&key(1), Ok(()), now);
    fail(FAILURES - 1);
    assert!(template(&shelf, &key(1), now).is_some());
    fail(1);
    assert!(template(&shelf, &key(1), now).is_none());
    assert!(!shelf.claim(&key(1), now), "it would fail again");
}

#[test]
fn there_are_so_many_and_the_one_that_was_not_used_for_longest_makes_room() {
    let (shelf, now) = (Shelf::default(), Instant::now());
    for number in 0..KEPT {
        let at = now + Duration::from_secs(u64::try_from(number).unwrap());
        assert!(shelf.claim(&key(number), at));
        shelf.made(&key(number), Ok("some".to_owned()), at);
    }
    assert!(!shelf.claim(&key(KEPT), now + SETTLED / 2), "all of them are in use");
    template(&shelf, &key(0), now + SETTLED);
    assert!(shelf.claim(&key(KEPT), now + 2 * SETTLED));
    assert!(template(&shelf, &key(0), now + 2 * SETTLED).is_some());
    assert!(template(&shelf, &key(1), now + 2 * SETTLED).is_none());
}
