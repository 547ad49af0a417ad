//! One request, one answer: as JSON when nothing comes first, else as events.

use super::*;
use crate::{Outcome, SseEvent};
use sessile_protocol::LegacyVersion;

#[test]
fn an_answer_that_comes_first_is_json() {
    let mut session = Session::new();
    session.post(1, &call("a")).unwrap();
    assert_eq!(session.heard(), [call("a")]);
    assert_eq!((session.pull(1), session.relay.in_flight()), (Pull::Pending, 1));
    session.now = Time(MINUTE);
    session.server(&result("a"));
    assert_eq!(session.woken, [1]);
    assert_eq!(session.relay.in_flight(), 1, "until the answer is taken");
    assert_eq!(session.json(1), result("a"));
    assert_eq!((session.pull(1), session.relay.in_flight()), (Pull::End, 0));
    assert_eq!(
        session.recorded(),
        [Record::CallEnded {
            id: "a".into(),
            method: "tools/call".into(),
            subject: Some("add".to_owned()),
            outcome: Outcome::Ok,
            took: MINUTE,
        }]
    );
}

#[test]
fn bodies_pass_byte_for_byte_but_for_line_ends() {
    let mut relay = Relay::new(Config::default());

    let asked = Message::parse("{ \"jsonrpc\":\"2.0\",\n\"id\":1,\"x\":1.0e0,\"method\":\"m\"}".into()).unwrap();
    let event = Event::ClientMessages { connection: Some(ConnectionId(1)), messages: vec![asked] };
    relay.on(Time::default(), event).unwrap();
    let line = "{ \"jsonrpc\":\"2.0\", \"id\":1,\"x\":1.0e0,\"method\":\"m\"}";
    assert_eq!(relay.poll(), Some(Action::ToServer(line.into())));
    let answer = Message::parse("{\"id\":1,  \"jsonrpc\":\"2.0\",\"result\":{\"y\":1.0e0}, \"z\":[]}".into()).unwrap();
    relay.on(Time::default(), Event::ServerMessage(answer.clone())).unwrap();
    assert_eq!(relay.pull(Time::default(), ConnectionId(1)), Pull::Json(answer.into_raw()));
}

#[test]
fn what_comes_before_the_answer_makes_it_a_stream() {
    let mut session = Session::speaking("2025-06-18", Config::default());
    session.post(1, &call(1)).unwrap();
    session.server(&log("working"));
    session.server(&result(1));
    assert_eq!(session.woken, [1], "one wake for both");
    assert_eq!(session.pull(1), Pull::OpenSse);
    assert_eq!(session.event(1), ("1-1".to_owned(), log("working")));
    assert_eq!(session.event(1), ("1-2".to_owned(), result(1)));
    assert_eq!(session.pull(1), Pull::End);
}

#[test]
fn streams_of_2025_11_25_are_primed_and_older_ones_are_not() {
    let mut session = Session::speaking("2025-11-25", Config::default());
    assert_eq!(session.relay.negotiated(), Some(LegacyVersion::V2025_11_25));
    session.post(1, &call(1)).unwrap();
    session.stream(1);
    assert_eq!(session.pull(1), Pull::OpenSse);
    let prime =
        SseEvent { id: Some("1-0".to_owned()), retry: Some(Duration::from_secs(1)), data: [].as_slice().into() };
    assert_eq!(session.pull(1), Pull::Event(prime));
    assert_eq!(session.pull(1), Pull::Pending);
    session.server(&result(1));
    assert_eq!(session.event(1), ("1-1".to_owned(), result(1)));

    let mut session = Session::speaking("2025-06-18", Config::default());
    session.post(1, &call(1)).unwrap();
    session.stream(1);
    assert_eq!((session.pull(1), session.pull(1)), (Pull::OpenSse, Pull::Pending));
}

#[test]
fn an_answer_that_is_there_stays_json_though_a_stream_was_wanted() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.server(&result(1));
    session.stream(1);
    assert_eq!(session.json(1), result(1));
}

#[test]
fn a_batch_is_a_stream_with_all_its_answers() {
    let mut session = Session::speaking("2025-03-26", Config::default());
    session.batch(1, &[call(1), notification("n", json!({})), call(2)]).unwrap();
    assert_eq!(session.heard(), [call(1), notification("n", json!({})), call(2)]);
    assert_eq!(session.pull(1), Pull::OpenSse);
    session.server(&result(2));
    assert_eq!(session.event(1).1, result(2));
    assert_eq!(session.pull(1), Pull::Pending);
    session.server(&result(1));
    assert_eq!(session.event(1).1, result(1));
    assert_eq!(session.pull(1), Pull::End);
}

#[test]
fn batches_belong_to_one_version_and_never_initialize() {
    let mut session = Session::speaking("2025-06-18", Config::default());
    assert_eq!(session.batch(1, &[call(1), call(2)]), Err(Refusal::BatchNotAllowed));
    let mut session = Session::speaking("2025-03-26", Config::default());
    let refused = session.batch(1, &[call(1), request(2, "initialize", json!({}))]);
    assert_eq!(refused, Err(Refusal::InitializeInBatch));
    assert_eq!(session.batch(1, &[call(1), call(1)]), Err(Refusal::DuplicateId(1.into())));
    assert_eq!(session.heard(), [] as [Value; 0], "of a refused batch nothing happens");
    session.batch(1, &[call(1), call(2)]).unwrap();
}

#[test]
fn a_session_is_initialized_once_unless_that_failed() {
    let mut session = Session::new();
    let ask = |id| request(id, "initialize", json!({"protocolVersion": "2025-11-25"}));
    session.post(1, &ask(1)).unwrap();
    assert_eq!(session.post(2, &ask(2)), Err(Refusal::AlreadyInitialized));
    session.server(&json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no"}}));
    session.post(3, &ask(3)).unwrap();
    session.server(&json!({"jsonrpc": "2.0", "id": 3, "result": {"protocolVersion": "2025-03-26"}}));
    assert_eq!(session.relay.negotiated(), Some(LegacyVersion::V2025_03_26));
    assert_eq!(session.post(4, &ask(4)), Err(Refusal::AlreadyInitialized));
}

#[test]
fn an_answer_that_nobody_asked_for_is_recorded() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.server(&result("1"));
    session.server(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "?"}}));
    let from = crate::Side::Server;
    assert_eq!(
        session.recorded(),
        [Record::UnknownAnswer { from, id: Some("1".into()) }, Record::UnknownAnswer { from, id: None }]
    );
    assert_eq!(session.pull(1), Pull::Pending);
}

#[test]
fn a_request_that_is_open_may_not_be_asked_again() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    assert_eq!(session.post(2, &call(1)), Err(Refusal::DuplicateId(1.into())));
    session.post(2, &call("1")).unwrap();
    session.server(&result(1));
    assert_eq!(session.json(1), result(1));
    session.post(3, &call(1)).unwrap();
}

#[test]
fn the_end_of_the_server_answers_everything() {
    let mut session = Session::new();
    session.listen(9);
    session.post(1, &call(1)).unwrap();
    session.post(2, &call(2)).unwrap();
    session.server(&request("s", "roots/list", json!({})));
    session.look();
    session.server_gone();
    assert_eq!(code(&session.json(1)), SERVER_GONE);
    assert_eq!(session.pull(2), Pull::OpenSse, "it was asked something");
    assert_eq!(code(&session.event(2).1), SERVER_GONE);
    assert_eq!(session.pull(2), Pull::End);
    assert_eq!(session.pull(9), Pull::End);
    assert_eq!(session.relay.deadline(), None);
    let refused = session.post(3, &call(3)).unwrap_err();
    assert_eq!((refused.code(), refused.to_string().as_str()), (SERVER_GONE, "server ended"));
    let ended = session.recorded().into_iter().map(|record| match record {
        Record::CallEnded { outcome, .. } | Record::ServerRequestEnded { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    });
    assert_eq!(ended.collect::<Vec<_>>(), [Outcome::ServerGone; 3]);
}
