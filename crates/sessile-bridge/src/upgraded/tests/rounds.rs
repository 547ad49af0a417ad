//! Results that ask for input.

use super::*;
use crate::{Outcome, Side};

fn all() -> Value {
    json!({"elicitation": {}, "sampling": {}, "roots": {}})
}

fn wants(id: i64, requests: Value, state: Value) -> Value {
    result(id, json!({"resultType": "input_required", "inputRequests": requests, "requestState": state}))
}

fn elicit() -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": "name?", "requestedSchema": {}}})
}

fn sample() -> Value {
    json!({"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}})
}

fn ada() -> Value {
    json!({"action": "accept", "content": {"name": "Ada"}})
}

/// A session with a call (upstream id 2) that asks two things: `ask-1` to elicit, `ask-2` to sample.
fn asked() -> Session {
    let mut session = Session::open(all(), json!({"tools": {}}));
    session.post(1, &call("a"));
    session.server(&wants(2, json!({"who": elicit(), "what": sample()}), json!("s")));
    assert_eq!(session.event(1), request("ask-1", "elicitation/create", elicit()["params"].clone()));
    assert_eq!(session.event(1), request("ask-2", "sampling/createMessage", sample()["params"].clone()));
    session.look();
    session
}

fn outcomes(records: &[Record]) -> Vec<Outcome> {
    let outcome = |record: &Record| match record {
        Record::CallEnded { outcome, .. } | Record::ServerRequestEnded { outcome, .. } => Some(*outcome),
        _ => None,
    };
    records.iter().filter_map(outcome).collect()
}

#[test]
fn questions_go_to_the_client_and_its_answers_into_a_new_request() {
    let mut session = Session::open(all(), json!({"tools": {}}));
    session.listen(9);
    let own = json!({"name": "greet", "arguments": {"n": 1}, "_meta": {"progressToken": 5}});
    session.post(1, &request("a", "tools/call", own));
    session.post(2, &call("younger"));
    let first = session.heard().remove(0);
    session.server(&wants(2, json!({"who": elicit(), "what": sample()}), json!("st\"ate")));
    assert_eq!(session.event(1)["id"], "ask-1", "on the stream of the call that asks, not the youngest");
    assert_eq!(session.event(1)["id"], "ask-2");
    assert_eq!((session.pull(2), session.pull(9)), (Pull::Pending, Pull::Pending));

    let sampled = json!({"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"});
    session.tell(&result("ask-2", sampled.clone()));
    assert_eq!(session.heard(), [] as [Value; 0], "until all is there");
    session.tell(&result("ask-1", ada()));
    let mut retry = first["params"].clone();
    retry["inputResponses"] = json!({"what": sampled, "who": ada()});
    retry["requestState"] = json!("st\"ate");
    assert_eq!(session.heard(), [request(4, "tools/call", retry)]);

    let progress = notification("notifications/progress", json!({"progressToken": 5, "progress": 1}));
    session.server(&progress);
    session.server(&result(4, json!({"resultType": "complete", "content": []})));
    assert_eq!(session.event(1), progress);
    assert_eq!(session.event(1), result("a", json!({"content": []})));
    assert_eq!(session.pull(1), Pull::End);
}

#[test]
fn each_round_starts_from_the_first_request() {
    let mut session = Session::open(all(), json!({"tools": {}}));
    session.post(1, &call("a"));
    session.server(&wants(2, json!({"who": elicit()}), json!("one")));
    session.tell(&result("ask-1", ada()));
    session.look();
    session.server(&wants(3, json!({"again": elicit()}), Value::Null));
    session.tell(&result("ask-2", json!({"action": "decline"})));
    let line = session.heard_one();
    assert_eq!(line["params"]["inputResponses"], json!({"again": {"action": "decline"}}));
    assert_eq!(line["params"].get("requestState"), None, "this round has none");
}

#[test]
fn a_state_without_questions_is_sent_back_at_once() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    session.post(1, &call("a"));
    let first = session.heard_one();
    session.server(&result(2, json!({"resultType": "input_required", "requestState": "later"})));
    let mut params = first["params"].clone();
    params["requestState"] = json!("later");
    assert_eq!(session.heard(), [request(3, "tools/call", params)]);
}

#[test]
fn a_server_that_never_has_enough_is_stopped() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    session.post(1, &call("a"));
    for id in 2..=17 {
        session.look();
        session.server(&result(id, json!({"resultType": "input_required", "requestState": "more"})));
        assert_eq!(session.heard().len(), 1);
    }
    session.server(&result(18, json!({"resultType": "input_required", "requestState": "more"})));
    assert_eq!(session.heard(), [] as [Value; 0]);
    let answer = session.json(1);
    assert_eq!(code(&answer), -32603);
    assert_eq!(answer["error"]["message"], "server asked for input more than 16 times for one request");
}

#[test]
fn a_client_that_cannot_elicit_after_all_cancels() {
    let mut session = asked();
    session.tell(&error("ask-1", -32603, "window closed"));
    session.tell(&result("ask-2", json!({"role": "assistant"})));
    let responses = json!({"who": {"action": "cancel"}, "what": {"role": "assistant"}});
    assert_eq!(session.heard_one()["params"]["inputResponses"], responses);
}

#[test]
fn a_refused_sampling_fails_the_call_and_takes_its_other_questions_back() {
    let mut session = asked();
    let refused = json!({"code": -1, "message": "user rejected", "data": {"x": 1}});
    session.tell(&json!({"jsonrpc": "2.0", "id": "ask-2", "error": refused}));
    let notice = session.event(1);
    assert_eq!(
        (&notice["method"], &notice["params"]["requestId"]),
        (&json!("notifications/cancelled"), &json!("ask-1"))
    );
    assert_eq!(session.event(1), json!({"jsonrpc": "2.0", "id": "a", "error": refused}));
    assert_eq!(session.pull(1), Pull::End);
    assert_eq!(session.heard(), [] as [Value; 0]);
    assert_eq!(outcomes(&session.recorded()), [Outcome::Error, Outcome::Cancelled, Outcome::Error]);
    session.tell(&result("ask-1", ada()));
    assert_eq!(session.recorded(), [Record::LateAnswer { from: Side::Client, id: "ask-1".into() }]);
    assert_eq!(session.heard(), [] as [Value; 0]);
}

#[test]
fn a_call_that_is_given_up_takes_its_questions_back() {
    let mut session = asked();
    session.tell(&cancelled("a"));
    for id in ["ask-1", "ask-2"] {
        assert_eq!(session.event(1)["params"]["requestId"], id);
    }
    assert_eq!(code(&session.event(1)), -32008);
    session.tell(&result("ask-1", ada()));
    assert_eq!(session.heard(), [] as [Value; 0], "the server has answered its round, and hears no more of it");
}

#[test]
fn a_call_whose_client_stays_silent_times_out_with_its_questions() {
    let mut session = asked();
    session.wait(15 * MINUTE);
    assert_eq!(session.event(1)["params"]["requestId"], "ask-1");
    assert_eq!(session.event(1)["params"]["requestId"], "ask-2");
    assert_eq!(code(&session.event(1)), -32007);
    assert_eq!((session.heard(), session.bridge.deadline()), (vec![], None));
}

#[test]
fn a_question_that_the_client_never_saw_is_taken_back_in_silence() {
    let mut session = Session::open(all(), json!({"tools": {}}));
    session.post(1, &call("a"));
    session.server(&wants(2, json!({"who": elicit()}), json!("s")));
    session.tell(&cancelled("a"));
    assert_eq!(code(&session.event(1)), -32008);
}

#[test]
fn what_the_client_cannot_do_it_is_not_asked() {
    for (client, asks, name) in [
        (json!({}), elicit(), "elicitation"),
        (
            json!({"elicitation": {}}),
            json!({"method": "elicitation/create", "params": {"mode": "url"}}),
            "elicitation.url",
        ),
        (json!({"elicitation": {"url": {}}}), elicit(), "elicitation"),
        (json!({"elicitation": {}}), sample(), "sampling"),
        (
            json!({"sampling": {}}),
            json!({"method": "sampling/createMessage", "params": {"tools": []}}),
            "sampling.tools",
        ),
        (json!({"sampling": {}}), json!({"method": "roots/list"}), "roots"),
    ] {
        let mut session = Session::open(client, json!({"tools": {}}));
        session.post(1, &call("a"));
        session.look();
        session.server(&wants(2, json!({"fine": asks}), json!("s")));
        let answer = session.json(1);
        assert_eq!(code(&answer), -32021);
        let text = format!("server asked for {name}, which the client did not declare as a capability");
        assert_eq!(answer["error"]["message"], text);
        let required =
            name.split('.').fold(&answer["error"]["data"]["requiredCapabilities"], |value, part| &value[part]);
        assert_eq!(required, &json!({}));
        assert_eq!(session.heard(), [] as [Value; 0]);
    }
}

#[test]
fn input_that_makes_no_sense_is_an_error() {
    let many: serde_json::Map<String, Value> = (0..129).map(|n| (n.to_string(), elicit())).collect();
    for (method, wrong) in [
        ("tools/list", json!({"requestState": "s"})),
        ("tools/call", json!({})),
        ("tools/call", json!({"inputRequests": []})),
        ("tools/call", json!({"inputRequests": {"x": {"method": "tools/call"}}})),
        ("tools/call", json!({"inputRequests": {"x": 5}})),
        ("tools/call", json!({"inputRequests": {"x": {"method": "roots/list", "params": []}}})),
        ("tools/call", json!({"inputRequests": many})),
    ] {
        let mut session = Session::open(all(), json!({"tools": {}}));
        session.post(1, &request("a", method, json!({})));
        session.look();
        let mut body = wrong.clone();
        body["resultType"] = json!("input_required");
        session.server(&result(2, body));
        assert_eq!(code(&session.json(1)), -32603, "{wrong}");
        assert_eq!(session.heard(), [] as [Value; 0]);
    }
}

#[test]
fn a_url_gets_the_id_that_a_legacy_client_requires() {
    let client = json!({"elicitation": {"form": {}, "url": {}}});
    let mut session = Session::open_with(Config::default(), "2025-11-25", client, json!({"tools": {}}));
    session.post(1, &call("a"));
    let params = json!({"mode": "url", "message": "sign in", "url": "https://example.com"});
    session.server(&wants(2, json!({"u": {"method": "elicitation/create", "params": params}}), json!("s")));
    let question = session.event(1);
    assert_eq!((&question["id"], &question["params"]["elicitationId"]), (&json!("ask-1"), &json!("ask-1")));
}

#[test]
fn more_questions_than_the_session_may_have_open_are_not_asked() {
    let config = Config { server_requests: 2, ..Config::default() };
    let mut session = Session::open_with(config, "2025-06-18", all(), json!({"tools": {}}));
    session.post(1, &call("a"));
    session.server(&wants(2, json!({"one": elicit(), "two": elicit()}), json!("s")));
    session.post(2, &call("b"));
    session.look();
    session.server(&wants(3, json!({"one": sample(), "two": sample()}), json!("s")));
    assert_eq!(code(&session.json(2)), -32003);
    session.post(3, &call("c"));
    session.look();
    session.server(&wants(4, json!({"one": elicit()}), json!("s")));
    assert_eq!(session.heard_one()["params"]["inputResponses"], json!({"one": {"action": "cancel"}}));
}

#[test]
fn the_end_of_the_server_takes_its_questions_back() {
    let mut session = asked();
    session.server_gone();
    assert_eq!(session.event(1)["params"]["requestId"], "ask-1");
    assert_eq!(session.event(1)["params"]["requestId"], "ask-2");
    assert_eq!(code(&session.event(1)), SERVER_GONE);
    assert_eq!(session.heard(), [] as [Value; 0]);
}
