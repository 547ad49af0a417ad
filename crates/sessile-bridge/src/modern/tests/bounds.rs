//! Whatever comes, nothing breaks, and nothing grows without end.

use super::*;
use crate::modern::call::Call;
use crate::modern::question::Question;
use crate::{Cut, Outcome, SseEvent};

#[test]
fn strange_requests_pass_or_are_refused() {
    let mut session = Session::legacy(Config::default());
    let huge = "k".repeat(100_000);
    for (connection, params) in (1..).zip([
        json!([1, {"_meta": {}}]),
        json!({"_meta": 7, "name": {}}),
        json!({"_meta": {"progressToken": {"a": 1}, "io.modelcontextprotocol/clientCapabilities": [], "x/y": 1}}),
        json!({"name": "x", huge.as_str(): {huge.as_str(): 1}}),
    ]) {
        let heard = session.call(connection, &bare(1, "tools/call", params.clone()));
        let mut expected = params;
        if expected["_meta"].is_object() {
            expected["_meta"] = json!({"x/y": 1});
        }
        assert_eq!(heard["params"], expected);
        session.server(&response(heard["id"].clone(), json!({})));
        session.json(connection);
    }
    let heard = session.call(9, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}));
    assert_eq!(heard.get("params"), None);
    assert_eq!(session.on(Event::ClientMessages { connection: None, messages: vec![] }), Err(Refusal::BatchNotAllowed));
    assert_eq!(
        session.on(Event::ClientMessages { connection: None, messages: vec![message(&call(1))] }),
        Err(Refusal::NoConnection)
    );
    assert_eq!(session.post(9, &call(2)), Err(Refusal::ConnectionInUse));
    let listen = Event::Listen { connection: ConnectionId(10), last_event_id: None };
    assert_eq!(session.on(listen), Err(Refusal::WrongSession));
}

#[test]
fn only_so_many_requests_are_open() {
    let mut session = Session::legacy(Config { in_flight: 2, ..Config::default() });
    session.call(1, &call(1));
    session.server(&ask("e1"));
    session.input_required(1);
    let id = session.call(2, &call(2))["id"].clone();
    let full = Err(Refusal::TooManyInFlight { limit: 2 });
    assert_eq!(session.post(3, &call(3)), full, "a parked call counts");
    session.server(&response(id, json!({})));
    assert_eq!(session.post(3, &call(3)), full, "so does an answer that lies there");
    session.json(2);
    session.call(3, &call(3));
}

#[test]
fn a_parked_call_can_be_gone_on_with_when_all_places_are_taken() {
    let mut session = Session::legacy(Config { in_flight: 1, ..Config::default() });
    session.call(1, &call(1));
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.post(9, &request(9, "subscriptions/listen", json!({"notifications": {}}))).unwrap();
    let taken = session.retry(9, &call(2), &parked, json!({"q1": accept("Ada")}));
    assert_eq!((taken, session.modern.parked()), (Err(Refusal::ConnectionInUse), 1));
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.modern.in_flight(), 1);
}

#[test]
fn a_client_that_does_not_read_is_cut_and_its_call_given_up() {
    let mut session = Session::legacy(Config { ring_events: 4, ..Config::default() });
    let meta = json!({"progressToken": "p"});
    let id = session.call(1, &request(1, "tools/call", json!({"name": "x", "_meta": meta})))["id"].clone();
    for progress in 0..3 {
        session.server(&notification("notifications/progress", json!({"progressToken": id, "progress": progress})));
    }
    assert!(session.modern.is_backlogged());
    assert_eq!(session.modern.deadline(), Some(session.now + Duration::from_secs(5)));
    session.wait(Duration::from_secs(5));
    assert!(!session.modern.is_backlogged());
    assert_eq!(session.heard()[0]["params"]["requestId"], id);
    assert_eq!((session.pull(1), session.modern.in_flight()), (Pull::Cut(Cut::Stalled), 0));
    let cancelled = |record: &Record| matches!(record, Record::CallEnded { outcome: Outcome::Cancelled, .. });
    assert!(session.recorded().iter().any(cancelled));
}

#[test]
fn answers_to_the_bridges_own_requests_are_not_waited_for_without_end() {
    let mut session = Session::legacy(Config::default());
    for number in 0..500 {
        let level = if number % 2 == 0 { "debug" } else { "error" };
        let params = json!({"_meta": {"io.modelcontextprotocol/logLevel": level}});
        session.post(number, &request(1, "tools/list", params)).unwrap();
        session.close(number);
    }
    assert!(session.modern.asked.len() <= 64);
    assert_eq!(session.modern.in_flight(), 0);
}

#[test]
fn expired_calls_are_remembered_but_not_without_end() {
    let mut session = Session::legacy(Config { park_timeout: MINUTE, ..Config::default() });
    let mut first = None;
    for number in 0..300 {
        session.call(number, &call(1));
        session.server(&ask("e1"));
        let parked = session.input_required(number);
        first.get_or_insert(parked);
        session.wait(MINUTE);
        session.look();
    }
    let first = first.unwrap();
    assert_eq!(session.retry(999, &call(2), &first, json!({})), Err(Refusal::StateInvalid), "long forgotten");
    assert_eq!(session.modern.expired.len(), 256);
}

#[test]
fn a_parked_call_is_small() {
    // What the tables hold of it, its texts aside; the exchange is over and its stream gone.
    let size = size_of::<CallId>() + size_of::<Call>() + size_of::<Question>();
    assert!(size < 2048, "{size} bytes");
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    session.input_required(1);
    let (_, parked) = session.modern.calls.iter().next().unwrap();
    assert!(parked.message.is_none() && parked.answer.is_none() && parked.progress.is_none());
}

#[test]
fn events_carry_no_ids() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &request(1, "subscriptions/listen", json!({"notifications": {}}))).unwrap();
    assert_eq!(session.pull(1), Pull::OpenSse);
    let Pull::Event(SseEvent { id, retry, .. }) = session.pull(1) else { panic!() };
    assert_eq!((id, retry), (None, None));
}

#[test]
fn without_randomness_nothing_is_sealed_and_no_task_made() {
    #[derive(Debug)]
    struct NoMint;
    impl Mint for NoMint {
        fn digest(&self, _: &str) -> [u8; 32] {
            [0; 32]
        }
        fn request_state(&self, _: &StateOf<'_>) -> Option<String> {
            None
        }
        fn task_id(&self) -> Option<String> {
            None
        }
        fn timestamp(&self) -> String {
            String::new()
        }
    }
    let mut session = Session::legacy(Config { promote_after: Some(MINUTE), ..Config::default() });
    session.modern.mint = Box::new(NoMint);
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&ask("e1"));
    session.wait(GATHER);
    assert_eq!(code(&session.heard()[0]), -32603);
    session.wait(MINUTE);
    assert_eq!((session.pull(1), session.states()), (Pull::Pending, vec![]));
    session.server(&response(id, json!({})));
    assert_eq!(session.json(1)["id"], 1);
}
