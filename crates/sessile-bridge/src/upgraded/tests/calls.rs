//! Requests of one round, and what is answered without the server.

use super::*;
use crate::{Kind, Outcome, Side, Why};

fn meta() -> Value {
    json!({VERSION: "2026-07-28", CAPABILITIES: {}, INFO: {"name": "tester", "version": "1"}})
}

fn with(mut meta: Value, more: &Value) -> Value {
    let members = more.as_object().unwrap().clone();
    meta.as_object_mut().unwrap().extend(members);
    meta
}

#[test]
fn every_request_says_who_asks_and_keeps_what_it_said() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    let own = json!({"progressToken": "p", "traceparent": "00-1-2-01", "example.com/x": 1.50, VERSION: "forged"});
    let ask = request("a", "tools/call", json!({"name": "add", "_meta": own, "task": {"ttl": 1}, "requestState": "x"}));
    session.post(1, &ask);
    let params = json!({"name": "add", "_meta": with(own, &meta())});
    assert_eq!(session.heard(), [request(2, "tools/call", params)]);
    session.post(2, &json!({"jsonrpc": "2.0", "id": "b", "method": "tools/list"}));
    assert_eq!(session.heard(), [request(3, "tools/list", json!({"_meta": meta()}))]);
}

#[test]
fn a_result_loses_what_a_legacy_client_does_not_know() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    session.post(1, &request("a", "tools/list", json!({})));
    session.post(2, &request("b", "tools/list", json!({})));
    let modern =
        |meta: Value| json!({"resultType": "complete", "ttlMs": 5, "cacheScope": "public", "tools": [], "_meta": meta});
    session.server(&result(2, modern(json!({SERVER: {"name": "x"}}))));
    session.server(&result(3, modern(json!({SERVER: {"name": "x"}, "example.com/x": 1}))));
    assert_eq!(session.json(1), result("a", json!({"tools": []})));
    assert_eq!(session.json(2), result("b", json!({"tools": [], "_meta": {"example.com/x": 1}})));
    assert!(matches!(
        &session.recorded()[..],
        [Record::CallEnded { outcome: Outcome::Ok, .. }, Record::CallEnded { .. }]
    ));
}

#[test]
fn numbers_and_escapes_of_a_result_keep_their_spelling() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    session.post(1, &call(7));
    let raw =
        r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","structuredContent":{"n":1.0e0,"s":"\u00e9"}}}"#;
    session.on(Event::ServerMessage(Message::parse(raw.into()).unwrap())).unwrap();
    let told = r#"{"jsonrpc":"2.0","id":7,"result":{"structuredContent":{"n":1.0e0,"s":"\u00e9"}}}"#;
    assert_eq!(session.pull(1), Pull::Json(told.into()));
}

#[test]
fn structured_output_is_an_object_or_not_there() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    session.post(1, &call("a"));
    session.post(2, &request("b", "tools/list", json!({})));
    session.server(&result(2, json!({"content": [], "structuredContent": [1]})));
    session.server(&result(3, json!({"tools": [{"name": "x", "outputSchema": {"type": "array"}}]})));
    assert_eq!(session.json(1), result("a", json!({"content": []})));
    assert_eq!(session.json(2), result("b", json!({"tools": [{"name": "x"}]})));
}

#[test]
fn errors_pass_as_they_are() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    for (at, wrong) in [
        json!({"code": -32602, "message": "no such resource", "data": {"uri": "x"}}),
        json!({"code": -32021, "message": "m", "data": {"requiredCapabilities": {"sampling": {}}}}),
        json!({"code": -32020, "message": "m"}),
    ]
    .into_iter()
    .enumerate()
    {
        let upstream = i64::try_from(at).unwrap() + 2;
        session.post(1, &request("a", "resources/read", json!({"uri": "x"})));
        session.server(&json!({"jsonrpc": "2.0", "id": upstream, "error": wrong}));
        assert_eq!(session.json(1), json!({"jsonrpc": "2.0", "id": "a", "error": wrong}));
    }
}

#[test]
fn a_result_nobody_could_understand_is_an_error() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    for (at, (wrong, text)) in [
        (json!({"resultType": "task", "taskId": "t"}), "\"task\""),
        (json!({"resultType": 5}), "type 5"),
        (json!([1]), "not an object"),
    ]
    .into_iter()
    .enumerate()
    {
        session.post(1, &call("a"));
        session.server(&result(i64::try_from(at).unwrap() + 2, wrong));
        let answer = session.json(1);
        assert_eq!(code(&answer), -32603);
        assert!(answer["error"]["message"].as_str().unwrap().contains(text), "{answer}");
    }
}

#[test]
fn what_needs_no_server_is_answered_without_it() {
    let mut session = Session::open(json!({}), json!({"tools": {}}));
    assert_eq!(session.asks(&request(1, "ping", json!({}))), result(1, json!({})));
    session.tell(&notification("notifications/initialized", json!({})));
    session.tell(&notification("notifications/roots/list_changed", json!({})));
    for method in ["server/discover", "subscriptions/listen", "tasks/get", "resources/subscribe"] {
        assert_eq!(code(&session.asks(&request(2, method, json!({"uri": "x"})))), -32601, "{method}");
    }
    assert_eq!(code(&session.asks(&request(3, "tools/list", json!([1])))), -32602);
    assert_eq!(session.heard(), [] as [Value; 0]);
    session.tell(&notification("notifications/example", json!({"x": 1})));
    assert_eq!(session.heard(), [notification("notifications/example", json!({"x": 1}))]);
}

#[test]
fn a_log_level_goes_with_every_later_request() {
    let mut session = Session::open(json!({}), json!({"logging": {}}));
    assert_eq!(code(&session.asks(&request(1, "logging/setLevel", json!({"level": "loud"})))), -32602);
    session.post(1, &call("a"));
    assert_eq!(session.heard_one()["params"]["_meta"], meta());
    assert_eq!(session.asks(&request(2, "logging/setLevel", json!({"level": "warning"}))), result(2, json!({})));
    session.post(2, &call("b"));
    assert_eq!(session.heard_one()["params"]["_meta"], with(meta(), &json!({LEVEL: "warning"})));
}

#[test]
fn progress_and_log_messages_pass_on_the_stream_of_their_call() {
    let mut session = Session::open(json!({}), json!({"logging": {}}));
    session.post(1, &request(1, "tools/call", json!({"name": "x", "_meta": {"progressToken": "one"}})));
    session.post(2, &request(2, "tools/call", json!({"name": "x", "_meta": {"progressToken": "two"}})));
    let progress = notification("notifications/progress", json!({"progressToken": "one", "progress": 1.0}));
    let log = notification("notifications/message", json!({"level": "info", "data": "x"}));
    session.server(&progress);
    session.server(&log);
    assert_eq!((session.event(1), session.event(2)), (progress, log));
}

#[test]
fn a_cancellation_names_the_request_as_the_server_knows_it() {
    let mut session = Session::open(json!({}), json!({}));
    session.post(1, &call("a"));
    session.look();
    session.tell(&cancelled("a"));
    assert_eq!(session.heard(), [cancelled(2)]);
    assert_eq!(code(&session.json(1)), -32008);
    session.recorded();
    session.server(&result(2, json!({})));
    assert_eq!(session.recorded(), [Record::LateAnswer { from: Side::Server, id: 2.into() }]);
    session.tell(&cancelled("a"));
    assert_eq!(session.heard(), [] as [Value; 0], "of what is over the server is told nothing");
}

#[test]
fn a_request_that_takes_too_long_is_cancelled_at_the_server() {
    let mut session = Session::open(json!({}), json!({}));
    session.post(1, &call("a"));
    session.look();
    assert_eq!(session.bridge.deadline(), Some(Time(15 * MINUTE)));
    session.wait(15 * MINUTE);
    let line = session.heard_one();
    assert_eq!((&line["method"], &line["params"]["requestId"]), (&json!("notifications/cancelled"), &json!(2)));
    assert_eq!((code(&session.json(1)), session.bridge.deadline()), (-32007, None));
}

#[test]
fn a_server_that_asks_is_told_that_it_may_not() {
    let mut session = Session::open(json!({"sampling": {}}), json!({}));
    session.post(1, &call("a"));
    session.look();
    session.server(&request("s", "sampling/createMessage", json!({})));
    let line = session.heard_one();
    assert_eq!((code(&line), &line["id"]), (-32600, &json!("s")));
    let (kind, method, why) = (Kind::Request, Some("sampling/createMessage".into()), Why::OutOfPlace);
    assert_eq!(session.recorded(), [Record::Undeliverable { kind, id: Some("s".into()), method, why }]);
    assert_eq!(session.pull(1), Pull::Pending);
}

#[test]
fn answers_that_nobody_asked_for_are_recorded() {
    let mut session = Session::open(json!({}), json!({}));
    session.post(1, &call("a"));
    session.server(&result("a", json!({})));
    session.server(&result(1, json!({})));
    session.server(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "?"}}));
    let unknown = |id| Record::UnknownAnswer { from: Side::Server, id };
    assert_eq!(session.recorded(), [unknown(Some("a".into())), unknown(Some(1.into())), unknown(None)]);
    assert_eq!(session.pull(1), Pull::Pending);
}

#[test]
fn the_end_of_the_server_answers_everything() {
    let mut session = Session::open(json!({}), json!({"resources": {"subscribe": true}}));
    session.post(1, &call("a"));
    session.post(2, &request("b", "resources/subscribe", json!({"uri": "x"})));
    session.look();
    session.server_gone();
    assert_eq!((code(&session.json(1)), code(&session.json(2))), (SERVER_GONE, SERVER_GONE));
    // One that only ends its session waits for neither the call nor the listening.
    let given_up: Vec<_> = session.heard().iter().map(|line| line["method"].clone()).collect();
    assert_eq!((given_up, session.bridge.deadline()), (vec![json!("notifications/cancelled"); 2], None));
    session.server(&result(2, json!({})));
    session.server(&request("s", "roots/list", json!({})));
    assert_eq!(session.heard(), [] as [Value; 0]);
}
