//! Requests that are given up: by the client, by the server, by the clock.

use super::*;
use crate::{Kind, Outcome, Side, Why};

fn cancel(id: i64) -> Value {
    notification("notifications/cancelled", json!({"requestId": id, "reason": "bored"}))
}

fn outcomes(records: &[Record]) -> Vec<Outcome> {
    let outcome = |record: &Record| match record {
        Record::CallEnded { outcome, .. } | Record::ServerRequestEnded { outcome, .. } => Some(*outcome),
        _ => None,
    };
    records.iter().filter_map(outcome).collect()
}

#[test]
fn a_cancelled_request_ends_at_once_and_its_late_answer_is_recorded() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.look();
    session.tell(&cancel(1));
    assert_eq!(session.heard(), [cancel(1)]);
    assert_eq!(code(&session.json(1)), -32008);
    assert_eq!(outcomes(&session.recorded()), [Outcome::Cancelled]);
    assert_eq!(session.post(2, &call(1)), Err(Refusal::DuplicateId(1.into())), "its answer may still come");
    session.server(&result(1));
    assert_eq!(session.recorded(), [Record::LateAnswer { from: Side::Server, id: 1.into() }]);
    session.server(&result(1));
    assert_eq!(session.recorded(), [Record::UnknownAnswer { from: Side::Server, id: Some(1.into()) }]);
    session.post(2, &call(1)).unwrap();
}

#[test]
fn the_cancellation_of_what_is_over_is_passed_on() {
    let mut session = Session::new();
    session.tell(&cancel(7));
    assert_eq!(session.heard(), [cancel(7)]);
}

#[test]
fn a_request_that_takes_too_long_ends_for_both_sides() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.now = Time(MINUTE);
    session.post(2, &call(2)).unwrap();
    session.look();
    assert_eq!(session.relay.deadline(), Some(Time(15 * MINUTE)));
    session.wait(14 * MINUTE);
    let answer = session.json(1);
    assert_eq!((code(&answer), &answer["error"]["message"]), (-32007, &json!("server did not answer within 900s")));
    let heard = session.heard();
    assert_eq!((&heard[0]["method"], &heard[0]["params"]["requestId"]), (&json!("notifications/cancelled"), &json!(1)));
    assert_eq!(outcomes(&session.recorded()), [Outcome::Timeout]);
    assert_eq!((session.pull(2), session.relay.deadline()), (Pull::Pending, Some(Time(16 * MINUTE))));
}

#[test]
fn a_question_nobody_answers_ends_with_an_error_for_the_server() {
    let mut session = Session::new();
    session.listen(1);
    session.server(&request("s", "roots/list", json!({})));
    assert_eq!(session.event(1).1["id"], "s");
    session.wait(15 * MINUTE);
    let heard = session.heard();
    assert_eq!((heard.len(), heard[0]["id"].as_str(), code(&heard[0])), (1, Some("s"), -32007));
    let told = session.event(1).1;
    assert_eq!((&told["method"], &told["params"]["requestId"]), (&json!("notifications/cancelled"), &json!("s")));
    assert_eq!(outcomes(&session.recorded()), [Outcome::Timeout]);
    session.tell(&result("s"));
    assert_eq!(session.recorded(), [Record::LateAnswer { from: Side::Client, id: "s".into() }]);
}

#[test]
fn a_question_nobody_took_is_taken_back() {
    let mut session = Session::new();
    session.server(&request("s", "roots/list", json!({})));
    session.wait(15 * MINUTE);
    assert_eq!(code(&session.heard()[0]), -32007);
    let records = session.recorded();
    assert!(matches!(&records[0], Record::Undeliverable { kind: Kind::Request, why: Why::Timeout, .. }), "{records:?}");
    session.listen(1);
    assert_eq!(session.pull(1), Pull::Pending);
}

#[test]
fn a_client_that_leaves_does_not_cancel_its_call() {
    let mut session = Session::new();
    session.post(1, &call(1)).unwrap();
    session.look();
    session.close(1);
    assert_eq!((session.heard(), session.relay.in_flight()), (vec![], 1));
    session.server(&result(1));
    let why = Why::ClientLeft;
    let lost = Record::Undeliverable { kind: Kind::Answer, id: Some(1.into()), method: None, why };
    let records = session.recorded();
    assert_eq!((outcomes(&records), records.contains(&lost)), (vec![Outcome::Ok], true));
    assert_eq!(session.relay.in_flight(), 0);

    // Also when the answer was there, but not taken.
    session.post(2, &call(1)).unwrap();
    session.server(&result(1));
    session.close(2);
    assert!(session.recorded().contains(&lost));
    assert_eq!(session.relay.in_flight(), 0);
}
