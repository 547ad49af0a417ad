//! What happens when something is full.

use super::*;
use crate::{Cut, Kind, Outcome, Why};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn requests_in_flight_are_bounded_until_their_answers_are_taken() {
    let mut session = Session::with(Config { in_flight: 1, ..Config::default() });
    session.post(1, &call(1)).unwrap();
    let refused = session.post(2, &call(2)).unwrap_err();
    assert_eq!((refused.code(), refused.is_temporary()), (-32003, true));
    session.server(&result(1));
    assert!(session.post(2, &call(2)).is_err());
    session.json(1);
    session.post(2, &call(2)).unwrap();
}

#[test]
fn listening_connections_are_bounded_but_may_be_replaced() {
    let mut session = Session::with(Config { connections: 1, ..Config::default() });
    session.listen(1);
    session.server(&log("x"));
    let (id, _) = session.event(1);
    let listen = Event::Listen { connection: ConnectionId(2), last_event_id: None };
    let full = Err(Refusal::TooManyConnections { limit: 1 });
    assert_eq!(session.on(listen), full);
    session.resume(3, &id).unwrap();
    assert_eq!(session.resume(4, &id), full, "the displaced one has not ended yet");
    assert_eq!(session.pull(1), Pull::Cut(Cut::Displaced));
    session.resume(4, &id).unwrap();
}

#[test]
fn calls_are_refused_while_too_many_answers_are_left_half_read() {
    let mut session = Session::with(Config { in_flight: 1, connections: 1, ..Config::default() });
    for n in 1..=4 {
        session.post(n, &call(n)).unwrap();
        session.stream(n);
        session.server(&result(n));
        assert_eq!((session.pull(n), session.event(n).1), (Pull::OpenSse, result(n)));
    }
    assert_eq!(session.post(5, &call(5)), Err(Refusal::TooManyInFlight { limit: 1 }));
    assert_eq!(session.pull(1), Pull::End);
    session.post(5, &call(5)).unwrap();
}

#[test]
fn a_slow_reader_holds_the_server_back_and_is_cut_when_it_stalls() {
    let mut session = Session::with(Config { ring_events: 10, ..Config::default() });
    session.listen(1);
    for _ in 0..5 {
        session.server(&log("x"));
    }
    assert!(!session.relay.is_backlogged());
    session.now = Time(SECOND);
    session.server(&log("x"));
    assert!(session.relay.is_backlogged());
    assert_eq!(session.relay.deadline(), Some(Time(6 * SECOND)));
    session.now = Time(2 * SECOND);
    session.event(1);
    assert!(!session.relay.is_backlogged(), "it has caught up");
    assert_eq!(session.relay.deadline(), None);
    session.server(&log("x"));
    session.recorded();
    assert_eq!(session.relay.deadline(), Some(Time(7 * SECOND)));
    session.wait(5 * SECOND);
    assert!(!session.relay.is_backlogged());
    let cut = Record::ConnectionCut { connection: ConnectionId(1), cut: Cut::Stalled };
    assert_eq!(session.recorded(), [cut]);
    assert_eq!(session.pull(1), Pull::Cut(Cut::Stalled));
    session.listen(2);
    for _ in 0..6 {
        session.event(2);
    }
    assert_eq!(session.pull(2), Pull::Pending);
}

#[test]
fn a_fast_reader_does_not_push_out_what_a_slow_one_has_not_read() {
    let mut session = Session::with(Config { ring_events: 10, ..Config::default() });
    session.post(1, &call(1)).unwrap();
    session.server(&log("for the slow one"));
    session.listen(2);
    for _ in 0..100 {
        session.server(&notification("notifications/tools/list_changed", json!({})));
        session.event(2);
    }
    assert_eq!((session.pull(1), session.event(1).1), (Pull::OpenSse, log("for the slow one")));
    assert_eq!(session.recorded(), []);
}

#[test]
fn a_server_that_is_not_held_back_costs_the_slowest_its_connection() {
    let mut session = Session::with(Config { ring_events: 4, ..Config::default() });
    session.listen(1);
    for _ in 0..5 {
        session.server(&log("x"));
    }
    assert_eq!(session.pull(1), Pull::Cut(Cut::Overrun));
    let bytes = log("x").to_string().len();
    let cut = Record::ConnectionCut { connection: ConnectionId(1), cut: Cut::Overrun };
    assert_eq!(session.recorded(), [cut, Record::Evicted { events: 1, bytes }]);
    session.listen(2);
    for _ in 0..4 {
        session.event(2);
    }
    assert_eq!(session.pull(2), Pull::Pending);
}

#[test]
fn what_waits_makes_room_and_questions_among_it_are_answered() {
    let mut session = Session::with(Config { ring_events: 2, ..Config::default() });
    session.server(&request("s", "roots/list", json!({})));
    session.server(&log("x"));
    session.server(&log("y"));
    let heard = session.heard();
    assert_eq!((heard[0]["id"].as_str(), code(&heard[0])), (Some("s"), -32000));
    let records = session.recorded();
    assert!(matches!(&records[0], Record::ServerRequestEnded { outcome: Outcome::Undeliverable, .. }), "{records:?}");
    assert!(matches!(&records[1], Record::Undeliverable { kind: Kind::Request, why: Why::Evicted, .. }), "{records:?}");
    session.listen(1);
    assert_eq!((session.event(1).1, session.event(1).1), (log("x"), log("y")));
}

#[test]
fn one_event_is_kept_however_large() {
    let mut session = Session::with(Config { ring_bytes: 10, ..Config::default() });
    session.listen(1);
    let large = log(&"x".repeat(1000));
    session.server(&large);
    assert!(session.relay.is_backlogged());
    assert_eq!(session.event(1).1, large);
    assert!(!session.relay.is_backlogged());
}

#[test]
fn streams_without_events_are_kept_for_so_many_clients_that_may_come_back() {
    let mut session = Session::speaking("2025-11-25", Config { connections: 2, ..Config::default() });
    let ids: Vec<_> = (1..=3)
        .map(|connection| {
            session.listen(connection);
            let (id, _) = session.event(connection);
            session.close(connection);
            id
        })
        .collect();
    assert_eq!(session.resume(4, &ids[0]), Err(Refusal::EventIdGone { id: ids[0].clone() }));
    session.resume(4, &ids[1]).unwrap();
    session.resume(5, &ids[2]).unwrap();
}
