//! Which call a question belongs to.

use super::*;
use crate::Why;

#[test]
fn a_question_belongs_to_the_youngest_call_that_runs() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.call(2, &request(2, "prompts/get", json!({"name": "p"})));
    session.call(3, &request(3, "tools/list", json!({})));
    session.server(&ask("e1"));
    assert!(session.input_required(2)["result"]["requestState"].as_str().unwrap().contains("prompts/get"));
    session.server(&ask("e2"));
    session.input_required(1);
    assert_eq!(session.pull(3), Pull::Pending, "lists ask nothing");
}

#[test]
fn one_that_names_its_call_belongs_to_that() {
    let mut session = Session::legacy(Config::default());
    let first = session.call(1, &call(1))["id"].clone();
    session.call(2, &call(2));
    let list = session.call(3, &request(3, "tools/list", json!({})))["id"].clone();
    session.server_for(&first, &ask("e1"));
    session.input_required(1);
    // Of a call that cannot ask, or that nobody knows, it is anybody's question.
    session.server_for(&list, &ask("e2"));
    session.server_for(&json!("unknown"), &ask("e3"));
    assert_eq!(session.input_required(2)["result"]["inputRequests"].as_object().unwrap().len(), 2);
    assert_eq!(session.pull(3), Pull::Pending, "lists ask nothing");
}

#[test]
fn if_all_are_parked_it_comes_with_the_next_round() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.server(&ask("e2"));
    session.look();
    let answers = json!({"q1": accept("Ada"), "q2": accept("guessed")});
    session.retry(2, &call(2), &parked, answers).unwrap();
    assert_eq!(session.heard(), [response("e1", accept("Ada"))]);
    assert_eq!(session.json(2)["result"]["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["q2"]);
}

#[test]
fn without_a_call_it_waits_for_one_whose_client_can_answer() {
    let mut session = Session::legacy(Config::default());
    session.server(&ask("e1"));
    assert_eq!(session.heard(), nothing());
    session.call(1, &call_with(1, json!({"roots": {}})));
    session.call(2, &request(2, "tools/list", json!({})));
    session.wait(GATHER);
    assert_eq!((session.pull(1), session.pull(2)), (Pull::Pending, Pull::Pending));
    session.call(3, &call(3));
    let parked = session.input_required(3);
    assert_eq!(parked["result"]["inputRequests"]["q1"]["params"], ask("e1")["params"]);
}

#[test]
fn it_does_not_wait_for_ever() {
    let mut session = Session::legacy(Config { request_timeout: MINUTE, ..Config::default() });
    session.server(&ask("e1"));
    assert_eq!(session.modern.deadline(), Some(session.now + MINUTE));
    session.wait(MINUTE);
    assert_eq!(code(&session.heard()[0]), -32007);
}

#[test]
fn a_client_without_the_capability_is_not_asked() {
    let url = json!({"mode": "url", "elicitationId": "u", "url": "https://x.example", "message": "?"});
    for (capabilities, question) in [
        (json!({}), ask("e")),
        (json!({"elicitation": {"url": {}}}), ask("e")),
        (json!({"elicitation": {}}), bare("e", "elicitation/create", url)),
        (json!({"elicitation": {}}), bare("e", "elicitation/create", json!({"mode": "dance"}))),
        (json!({"elicitation": {}}), bare("e", "roots/list", json!({}))),
        (json!({"roots": {}}), bare("e", "sampling/createMessage", json!({}))),
        (json!({"sampling": {}}), bare("e", "sampling/createMessage", json!({"tools": []}))),
        (json!({"sampling": {}}), bare("e", "x/y", json!({}))),
    ] {
        let mut session = Session::legacy(Config::default());
        session.call(1, &call_with(1, capabilities.clone()));
        session.server(&question);
        let heard = session.heard();
        assert_eq!((heard.len(), code(&heard[0])), (1, -32601), "{capabilities} {question}");
        session.wait(GATHER);
        assert_eq!(session.pull(1), Pull::Pending);
    }
}

#[test]
fn a_question_not_yet_asked_outlives_the_call_it_was_thought_to_belong_to() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    let id = session.call(2, &call(2))["id"].clone();
    session.server(&ask("e1"));
    session.server(&response(id, json!({"n": 2})));
    assert_eq!(session.json(2)["result"]["n"], 2);
    session.input_required(1);
}

#[test]
fn pings_are_answered_at_once() {
    let mut session = Session::new(Opening::Probe, Config::default());
    session.look();
    session.server(&bare("p", "ping", json!({})));
    assert_eq!(session.heard(), [response("p", json!({}))]);
}

#[test]
fn too_many_and_repeated_questions_are_told_apart() {
    let mut session = Session::legacy(Config { server_requests: 1, ..Config::default() });
    session.server(&ask("e1"));
    session.server(&ask("e1"));
    assert_eq!(session.heard(), nothing(), "an answer would be taken for the first one's");
    session.server(&ask("e2"));
    assert_eq!(code(&session.heard()[0]), -32003);
    let whys = session.recorded().into_iter().map(|record| match record {
        Record::Undeliverable { why, .. } => why,
        other => panic!("{other:?}"),
    });
    assert_eq!(whys.collect::<Vec<_>>(), [Why::DuplicateId, Why::TooMany]);
}

#[test]
fn a_client_that_leaves_takes_its_questions_along() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    session.close(1);
    let heard = session.heard();
    assert_eq!((&heard[0]["method"], code(&heard[1])), (&json!("notifications/cancelled"), -32008));
    assert_eq!(session.modern.deadline(), None);
}
