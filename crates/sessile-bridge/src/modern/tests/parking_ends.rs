//! Parked calls that nobody comes back for, and those that have nothing to wait for any more.

use super::*;
use crate::{Outcome, Why};

/// A parked call: the number the server knows it by, and the answer its client has.
fn parked(session: &mut Session) -> (Value, Value) {
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.look();
    (id, parked)
}

#[test]
fn a_client_that_stays_away_too_long_ends_its_call() {
    let config = Config { park_timeout: MINUTE, ..Config::default() };
    let mut session = Session::legacy(config);
    let (id, parked) = parked(&mut session);
    session.wait(MINUTE);
    let heard = session.heard();
    assert_eq!(heard[0]["params"]["requestId"], id);
    assert_eq!((&heard[1]["id"], code(&heard[1])), (&json!("e1"), -32007));
    assert_eq!((session.modern.parked(), session.modern.in_flight(), session.modern.deadline()), (0, 0, None));
    let late = session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap_err();
    assert_eq!(late.to_object().data, Some(json!({"reason": "input_expired"})));
    let records = session.recorded();
    let ended = |record: &&Record| matches!(record, Record::ParkedCallEnded { outcome: Outcome::Timeout, waited, .. } if *waited == MINUTE);
    assert_eq!(records.iter().filter(ended).count(), 1, "{records:?}");
}

#[test]
fn parked_time_is_not_the_servers() {
    let config = Config { request_timeout: MINUTE, park_timeout: 10 * MINUTE, ..Config::default() };
    let mut session = Session::legacy(config);
    let (id, parked) = parked(&mut session);
    session.wait(5 * MINUTE);
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.wait(MINUTE / 2);
    session.server(&response(id, json!({})));
    assert_eq!(session.json(2)["id"], 2);
}

#[test]
fn states_that_lead_nowhere_are_refused_and_change_nothing() {
    let mut session = Session::legacy(Config::default());
    let (_, parked) = parked(&mut session);
    let retry = |call: u64, generation: u32, method: &str| Event::Retry {
        connection: ConnectionId(7),
        message: message(&request(7, method, json!({"inputResponses": {"q1": accept("Eve")}}))),
        call: CallId(call),
        generation,
        inner: None,
    };
    let state: Value = serde_json::from_str(parked["result"]["requestState"].as_str().unwrap()).unwrap();
    let call_id = state["call"].as_u64().unwrap();
    for event in [
        retry(call_id + 1, 1, "tools/call"),
        retry(call_id, 0, "tools/call"),
        retry(call_id, 2, "tools/call"),
        retry(call_id, 1, "prompts/get"),
    ] {
        assert_eq!(session.on(event), Err(Refusal::StateInvalid));
    }
    assert_eq!((session.heard(), session.recorded(), session.modern.parked()), (vec![], vec![], 1));
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.on(retry(call_id, 1, "tools/call")), Err(Refusal::StateInvalid), "it runs");
}

#[test]
fn a_question_may_be_withdrawn() {
    let mut session = Session::legacy(Config::default());
    let (id, parked) = parked(&mut session);
    session.server(&cancelled("e1"));
    assert_eq!((session.modern.parked(), session.heard()), (1, vec![]));
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.heard(), nothing(), "it is nobody's answer");
    session.server(&response(id, json!({})));
    assert_eq!(session.json(2)["id"], 2);

    let id = session.call(3, &call(3))["id"].clone();
    session.server(&ask("e2"));
    session.server(&cancelled("e2"));
    session.wait(GATHER);
    assert_eq!(session.pull(3), Pull::Pending, "withdrawn before it was asked");
    session.server(&response(id, json!({})));
    assert_eq!(session.json(3)["id"], 3);
}

#[test]
fn the_end_of_the_server_ends_parked_calls() {
    let mut session = Session::legacy(Config::default());
    let (_, parked) = parked(&mut session);
    session.server_gone();
    assert_eq!((session.modern.parked(), session.modern.in_flight(), session.heard()), (0, 0, vec![]));
    let refused = session.retry(2, &call(2), &parked, json!({}));
    assert!(matches!(refused, Err(Refusal::ServerGone(_))), "{refused:?}");
}

#[test]
fn only_so_many_calls_wait_for_their_clients() {
    let mut session = Session::legacy(Config { parked: 1, ..Config::default() });
    parked(&mut session);
    let id = session.call(2, &call(2))["id"].clone();
    session.server(&ask("e2"));
    session.wait(GATHER);
    let heard = session.heard();
    assert_eq!((&heard[0]["id"], code(&heard[0])), (&json!("e2"), -32003));
    session.server(&response(id, json!({})));
    assert_eq!(session.json(2)["id"], 2, "the server went on without");
}

#[test]
fn a_parked_call_may_be_cancelled() {
    let mut session = Session::legacy(Config::default());
    let (id, parked) = parked(&mut session);
    session.tell(&cancelled(1));
    let heard = session.heard();
    assert_eq!((&heard[0]["params"]["requestId"], code(&heard[1])), (&id, -32008));
    assert_eq!(session.retry(2, &call(2), &parked, json!({})), Err(Refusal::StateInvalid));
}

#[test]
fn a_client_that_can_do_less_now_is_not_asked_again() {
    let mut session = Session::legacy(Config::default());
    let (id, parked) = parked(&mut session);
    session.retry(2, &call_with(2, json!({})), &parked, json!({})).unwrap();
    let heard = session.heard();
    assert_eq!((&heard[0]["id"], code(&heard[0])), (&json!("e1"), -32601));
    session.server(&response(id, json!({})));
    assert_eq!(session.json(2)["id"], 2);
}

#[test]
fn an_answer_nobody_came_for_is_recorded() {
    let mut session = Session::legacy(Config { park_timeout: MINUTE, ..Config::default() });
    let (id, _) = parked(&mut session);
    session.server(&response(id, json!({})));
    session.wait(MINUTE);
    let lost = |record: &Record| matches!(record, Record::Undeliverable { why: Why::ClientLeft, .. });
    assert!(session.recorded().iter().any(lost));
    assert!(session.heard().iter().all(|line| line["method"] != "notifications/cancelled"), "it had ended");
}
