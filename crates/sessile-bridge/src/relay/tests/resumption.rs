//! Streams outlive connections.

use super::*;
use crate::{Cut, Kind, Why};

/// A session with call 1 on connection 1, its stream (number 1) open and one event taken.
fn interrupted() -> Session {
    let mut session = Session::speaking("2025-11-25", Config::default());
    session.post(1, &call(1)).unwrap();
    session.server(&log("one"));
    assert_eq!(session.pull(1), Pull::OpenSse);
    assert_eq!(session.event(1), ("1-0".to_owned(), Value::Null));
    assert_eq!(session.event(1), ("1-1".to_owned(), log("one")));
    session
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_and_what_follows() {
    let mut session = interrupted();
    session.close(1);
    session.server(&log("two"));
    session.listen(5);
    session.resume(2, "1-0").unwrap();
    assert_eq!(session.event(2), ("1-1".to_owned(), log("one")));
    assert_eq!(session.event(2), ("1-2".to_owned(), log("two")));
    assert_eq!(session.pull(2), Pull::Pending);
    session.woken.clear();
    session.server(&result(1));
    assert_eq!(session.woken, [2]);
    assert_eq!(session.event(2), ("1-3".to_owned(), result(1)));
    assert_eq!(session.pull(2), Pull::End);
    assert_eq!(session.event(5), ("2-0".to_owned(), Value::Null));
    assert_eq!(session.pull(5), Pull::Pending, "nothing of another stream");
}

#[test]
fn an_answer_waits_for_the_return_of_its_client() {
    let mut session = interrupted();
    session.close(1);
    session.server(&result(1));
    session.wait(120 * MINUTE);
    session.resume(2, "1-1").unwrap();
    assert_eq!(session.event(2), ("1-2".to_owned(), result(1)));
    assert_eq!(session.pull(2), Pull::End);
    // And may be asked for again, as the connection can break at any time.
    session.resume(3, "1-1").unwrap();
    assert_eq!(session.event(3), ("1-2".to_owned(), result(1)));
    session.resume(4, "1-2").unwrap();
    assert_eq!(session.pull(4), Pull::End);
}

#[test]
fn the_newest_connection_has_the_stream() {
    let mut session = interrupted();
    session.woken.clear();
    session.resume(2, "1-1").unwrap();
    assert_eq!(session.woken, [1, 2]);
    session.server(&log("two"));
    assert_eq!(session.pull(1), Pull::Cut(Cut::Displaced));
    assert_eq!(session.pull(1), Pull::End);
    assert_eq!(session.event(2), ("1-2".to_owned(), log("two")));
}

#[test]
fn the_end_of_a_displaced_connection_does_not_touch_the_stream() {
    let mut session = interrupted();
    session.resume(2, "1-1").unwrap();
    session.close(1);
    session.server(&log("two"));
    assert_eq!(session.event(2), ("1-2".to_owned(), log("two")));
}

#[test]
fn listening_streams_resume_too() {
    let mut session = Session::new();
    session.listen(1);
    let changed = |n: i64| notification("notifications/tools/list_changed", json!({"n": n}));
    session.server(&changed(1));
    assert_eq!(session.event(1), ("0-1".to_owned(), changed(1)));
    session.server(&changed(2));
    session.close(1);
    session.server(&changed(3));
    session.resume(2, "0-1").unwrap();
    let events: Vec<_> = (0..2).map(|_| session.event(2)).collect();
    assert_eq!(events.iter().map(|(_, body)| body).collect::<Vec<_>>(), [&changed(2), &changed(3)]);
    assert!(events.iter().all(|(id, _)| id.starts_with("0-")));
    session.close(2);
    // Replay of what was taken, and nothing twice.
    session.resume(3, "0-1").unwrap();
    assert_eq!((session.event(3), session.event(3)), (events[0].clone(), events[1].clone()));
    assert_eq!(session.pull(3), Pull::Pending);
}

#[test]
fn what_a_listener_took_does_not_go_out_on_another_one() {
    let mut session = Session::new();
    session.listen(1);
    session.server(&log("one"));
    session.event(1);
    session.close(1);
    session.listen(2);
    assert_eq!(session.pull(2), Pull::Pending);
}

#[test]
fn ids_that_were_never_given_are_refused() {
    let mut session = interrupted();
    session.server(&log("two"));
    for id in ["", "x", "1", "1-", "-1", "1-2", "1-+1", "9-0", "1-1-1", "1-99999999999999999999"] {
        let refused = session.resume(2, id).unwrap_err();
        assert_eq!((refused, id), (Refusal::UnknownEventId { id: id.to_owned() }, id));
    }
    session.post(3, &call(3)).unwrap();
    let refused = session.resume(4, "2-0").unwrap_err();
    assert!(matches!(refused, Refusal::UnknownEventId { .. }), "the client has seen no event of it");
}

#[test]
fn ids_of_events_no_longer_kept_are_refused_with_the_reason() {
    let mut session = Session::speaking("2025-11-25", Config { ring_events: 2, ..Config::default() });
    session.post(1, &call(1)).unwrap();
    session.stream(1);
    assert_eq!((session.pull(1), session.event(1).0), (Pull::OpenSse, "1-0".to_owned()));
    for n in 1..=3 {
        session.server(&log("x"));
        assert_eq!(session.event(1).0, format!("1-{n}"));
    }
    session.close(1);
    let gone = |id: &str| Err(Refusal::EventIdGone { id: id.to_owned() });
    assert_eq!(session.resume(2, "1-0"), gone("1-0"));
    session.resume(2, "1-1").unwrap();
    assert_eq!((session.event(2).0, session.event(2).0), ("1-2".to_owned(), "1-3".to_owned()));
    session.server(&result(1));
    assert_eq!((session.event(2).1, session.pull(2)), (result(1), Pull::End));
    // The stream is over, and its last events make room.
    session.listen(5);
    session.event(5);
    for _ in 0..2 {
        session.server(&log("y"));
        session.event(5);
    }
    assert_eq!(session.resume(6, "1-3"), gone("1-3"));
}

#[test]
fn an_answer_that_made_room_is_recorded() {
    let mut session = Session::speaking("2025-11-25", Config { ring_events: 1, ..Config::default() });
    session.post(1, &call(1)).unwrap();
    session.stream(1);
    assert_eq!((session.pull(1), session.event(1).0), (Pull::OpenSse, "1-0".to_owned()));
    session.close(1);
    session.server(&result(1));
    session.recorded();
    session.server(&log("x"));
    let lost = Record::Undeliverable { kind: Kind::Answer, id: Some(1.into()), method: None, why: Why::Evicted };
    assert_eq!(session.recorded(), [lost]);
    assert!(matches!(session.resume(2, "1-0"), Err(Refusal::EventIdGone { .. })));
}
