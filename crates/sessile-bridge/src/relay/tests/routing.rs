//! Each message goes to exactly one stream, the one it belongs to.

use super::*;
use crate::{Outcome, Side, Why};

fn ask(id: &str) -> Value {
    request(id, "elicitation/create", json!({"message": "name?"}))
}

fn progress(token: &str) -> Value {
    notification("notifications/progress", json!({"progressToken": token, "progress": 1}))
}

fn call_with_token(id: i64, token: &str) -> Value {
    request(id, "tools/call", json!({"name": "add", "_meta": {"progressToken": token}}))
}

fn changed() -> Value {
    notification("notifications/tools/list_changed", json!({}))
}

#[test]
fn progress_goes_to_its_request_and_the_rest_to_the_youngest() {
    let mut session = Session::new();
    session.post(1, &call_with_token(1, "p")).unwrap();
    session.post(2, &call_with_token(2, "q")).unwrap();
    session.server(&progress("p"));
    session.server(&ask("s"));
    session.server(&progress("q"));
    assert_eq!((session.pull(1), session.event(1).1), (Pull::OpenSse, progress("p")));
    assert_eq!(session.pull(1), Pull::Pending);
    assert_eq!((session.pull(2), session.event(2).1), (Pull::OpenSse, ask("s")));
    assert_eq!(session.event(2).1, progress("q"));
}

#[test]
fn a_question_that_names_its_call_goes_out_with_that_and_ends_with_it() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.post(2, &call(2)).unwrap();
    session.server_for(1, &ask("s"));
    session.server_for("unknown", &ask("t"));
    assert_eq!((session.pull(1), session.event(1).1), (Pull::OpenSse, ask("s")));
    assert_eq!((session.pull(2), session.event(2).1), (Pull::OpenSse, ask("t")), "the youngest");
    session.server(&result(1));
    assert_eq!(session.event(1).1["method"], "notifications/cancelled");
    session.tell(&result("t"));
    assert_eq!(session.heard(), [call(1), call(2), result("t")]);
}

#[test]
fn answers_to_the_server_pass_once() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.server(&ask("s"));
    session.look();
    session.tell(&result("s"));
    session.tell(&result("s"));
    session.tell(&result("t"));
    assert_eq!(session.heard(), [result("s")]);
    let records = session.recorded();
    assert!(matches!(&records[0], Record::ServerRequestEnded { outcome: Outcome::Ok, .. }), "{records:?}");
    let unknown = |id: &str| Record::UnknownAnswer { from: Side::Client, id: Some(id.into()) };
    assert_eq!(records[1..], [unknown("s"), unknown("t")]);
}

#[test]
fn what_belongs_to_no_request_goes_to_the_oldest_listener() {
    let mut session = Session::new();
    session.listen(1);
    session.listen(2);
    session.post(3, &call(3)).unwrap();
    session.server(&changed());
    session.server(&progress("of a task that goes on"));
    assert_eq!(session.event(1).1, changed());
    assert_eq!(session.event(1).1["method"], "notifications/progress");
    assert_eq!((session.pull(1), session.pull(2), session.pull(3)), (Pull::Pending, Pull::Pending, Pull::Pending));
    session.close(1);
    session.server(&changed());
    assert_eq!(session.event(2).1, changed());
}

#[test]
fn without_a_listener_it_goes_to_the_youngest_request() {
    let mut session = Session::new();
    session.post(3, &call(3)).unwrap();
    session.server(&changed());
    assert_eq!((session.pull(3), session.event(3).1), (Pull::OpenSse, changed()));
}

#[test]
fn with_nobody_there_it_waits_for_a_listener() {
    let mut session = Session::new();
    session.server(&log("early"));
    session.server(&changed());
    session.listen(1);
    assert_eq!(session.event(1), ("0-1".to_owned(), log("early")));
    assert_eq!(session.event(1), ("0-2".to_owned(), changed()));
}

#[test]
fn a_request_that_waits_goes_out_on_the_next_call_of_a_client_that_does_not_listen() {
    let mut session = Session::new();
    session.server(&log("early"));
    session.server(&ask("s"));
    session.post(1, &call(1)).unwrap();
    assert_eq!((session.pull(1), session.event(1).1), (Pull::OpenSse, ask("s")));
    assert_eq!(session.pull(1), Pull::Pending);
    session.listen(2);
    assert_eq!(session.event(2).1, log("early"));
}

#[test]
fn a_call_whose_client_left_gets_nothing_more() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.post(2, &call(2)).unwrap();
    session.close(2);
    session.server(&ask("s"));
    assert_eq!((session.pull(1), session.event(1).1), (Pull::OpenSse, ask("s")));
}

#[test]
fn what_nobody_took_moves_on_when_its_stream_ends() {
    let mut session = Session::new();
    session.post(1, &call_with_token(1, "p")).unwrap();
    session.server(&ask("s"));
    session.server(&progress("p"));
    session.close(1);
    session.listen(2);
    assert_eq!((session.event(2).1, session.event(2).1), (ask("s"), progress("p")));
    session.server(&result(1));
    let lost =
        Record::Undeliverable { kind: crate::Kind::Answer, id: Some(1.into()), method: None, why: Why::ClientLeft };
    assert!(session.recorded().contains(&lost));
}

#[test]
fn a_cancelled_server_request_is_cancelled_where_it_went() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.server(&ask("s"));
    session.post(2, &call(2)).unwrap();
    let cancel = notification("notifications/cancelled", json!({"requestId": "s"}));
    session.server(&cancel);
    assert_eq!((session.pull(1), session.event(1).1, session.event(1).1), (Pull::OpenSse, ask("s"), cancel.clone()));
    session.look();
    session.tell(&result("s"));
    assert_eq!(session.heard(), [] as [Value; 0]);
    assert_eq!(session.recorded(), [Record::LateAnswer { from: Side::Client, id: "s".into() }]);

    // Also when it waited for a listener first.
    let mut session = Session::new();
    session.server(&ask("s"));
    session.listen(1);
    session.post(2, &call(2)).unwrap();
    session.server(&cancel);
    assert_eq!((session.event(1).1, session.event(1).1), (ask("s"), cancel));
}

#[test]
fn too_many_and_repeated_server_requests_are_told_apart() {
    let mut session = Session::with(Config { server_requests: 1, ..Config::default() });
    session.listen(1);
    session.server(&ask("s"));
    session.server(&ask("s"));
    assert_eq!(session.heard(), [] as [Value; 0], "an answer would be taken for the first one's");
    session.server(&ask("t"));
    let heard = session.heard();
    assert_eq!((heard[0]["id"].as_str(), code(&heard[0])), (Some("t"), -32003));
    let whys = session.recorded().into_iter().map(|record| match record {
        Record::Undeliverable { why, .. } => why,
        other => panic!("{other:?}"),
    });
    assert_eq!(whys.collect::<Vec<_>>(), [Why::DuplicateId, Why::TooMany]);
}
