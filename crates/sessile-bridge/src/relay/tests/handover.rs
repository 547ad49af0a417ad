//! Another process goes on with the session, by its record: the one before was killed.

use super::*;

/// Hands over to a process that finds every connection gone.
fn bereave(session: &mut Session) {
    session.hand_over();
    for connection in session.relay.connections() {
        session.on(Event::ConnectionClosed { connection }).unwrap();
    }
}

#[test]
fn what_the_server_says_after_it_reaches_a_client_that_resumes() {
    let mut session = Session::speaking("2025-11-25", Config::default());
    session.post(1, &call(1)).unwrap();
    session.server(&log("one"));
    assert_eq!(session.pull(1), Pull::OpenSse);
    assert_eq!(session.event(1), ("1-0".to_owned(), Value::Null));
    bereave(&mut session);
    session.server(&result(1));
    session.resume(2, "1-0").unwrap();
    assert_eq!(session.event(2), ("1-1".to_owned(), log("one")));
    assert_eq!(session.event(2), ("1-2".to_owned(), result(1)));
    assert_eq!(session.pull(2), Pull::End);
}

#[test]
fn a_client_may_have_seen_more_than_the_record_knows() {
    let mut session = Session::speaking("2025-11-25", Config::default());
    session.post(1, &call(1)).unwrap();
    session.server(&log("one"));
    let record = serde_json::to_string(&session.relay).unwrap();
    assert_eq!(session.pull(1), Pull::OpenSse);
    session.event(1);
    assert_eq!(session.event(1).0, "1-1");
    session.relay = serde_json::from_str(&record).unwrap();
    bereave(&mut session);
    session.resume(2, "1-1").unwrap();
    assert_eq!(session.pull(2), Pull::Pending, "what it has is not said again");
    session.server(&result(1));
    assert_eq!(session.event(2), ("1-2".to_owned(), result(1)));
}

#[test]
fn a_question_that_was_asked_before_is_answered_after() {
    let mut session = Session::speaking("2025-11-25", Config::default());
    session.listen(1);
    let question = request("q", "roots/list", json!({}));
    session.server(&question);
    session.event(1);
    assert_eq!(session.event(1).1, question);
    session.look();
    bereave(&mut session);
    session.tell(&json!({"jsonrpc": "2.0", "id": "q", "result": {"roots": []}}));
    assert_eq!(session.heard(), [json!({"jsonrpc": "2.0", "id": "q", "result": {"roots": []}})]);
}

#[test]
fn events_beyond_what_a_record_holds_are_recorded_as_lost() {
    let config = Config { ring_bytes: 1 << 20, ..Config::default() };
    let mut session = Session::speaking("2025-11-25", config);
    session.post(1, &call(1)).unwrap();
    session.server(&log("small"));
    session.server(&log(&"x".repeat(100_000)));
    session.look();
    session.hand_over();
    assert_eq!(session.recorded(), [Record::Evicted { events: 1, bytes: 0 }]);
    assert_eq!(session.pull(1), Pull::OpenSse);
    session.event(1);
    assert_eq!(session.event(1).1, log("small"));
    session.server(&result(1));
    assert_eq!(session.event(1).1, result(1));
}
