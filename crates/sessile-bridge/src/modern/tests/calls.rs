//! Stateless requests become a conversation with a legacy server, and its answers modern ones.

use super::*;
use crate::{Kind, Outcome, Side, Why};

#[test]
fn a_call_loses_what_only_the_modern_era_has() {
    let mut session = Session::legacy(Config::default());
    let meta = json!({"traceparent": "00-1", "com.example/x": [1.0], "dev.sessile/session": "s", "progressToken": "t"});
    let params =
        json!({"name": "add", "arguments": {"a": 1}, "_meta": meta, "requestState": "x", "inputResponses": {}});
    let heard = session.call(1, &request("a", "tools/call", params));
    let expected = json!({
        "name": "add", "arguments": {"a": 1},
        "_meta": {"traceparent": "00-1", "com.example/x": [1.0], "progressToken": heard["id"]}
    });
    assert_eq!(heard["params"], expected);
    assert!(heard["id"].is_u64());
    let heard = session.call(2, &request("b", "tools/list", json!({"cursor": "c"})));
    assert_eq!(heard["params"], json!({"cursor": "c"}), "an empty _meta goes");
}

#[test]
fn bodies_keep_their_spelling() {
    let mut session = Session::legacy(Config::default());
    let text = r#"{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"name":"add","arguments":{"x": 1.0e0, "y":12345678901234567890123},
        "_meta":{"io.modelcontextprotocol/x":1}}}"#;
    let messages = vec![Message::parse(text.into()).unwrap()];
    session.modern.on(session.now, Event::ClientMessages { connection: Some(ConnectionId(1)), messages }).unwrap();
    let Some(Action::ToServer(line)) = session.modern.poll() else { panic!() };
    let line = String::from_utf8(line.to_vec()).unwrap();
    assert!(line.contains(r#""arguments":{"x": 1.0e0, "y":12345678901234567890123}}"#), "{line}");
    let id = message(&serde_json::from_str(&line).unwrap());
    let sessile_protocol::Body::Request { id, .. } = id.body() else { panic!() };
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"z":1.0e0}}}}"#);
    session.modern.on(session.now, Event::ServerMessage(Message::parse(answer.into()).unwrap())).unwrap();
    let Pull::Json(body) = session.pull(1) else { panic!() };
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        body.starts_with(r#"{"jsonrpc":"2.0","id":"\u0061","result":{"z":1.0e0,"resultType":"complete""#),
        "{body}"
    );
}

#[test]
fn clients_may_use_the_same_ids_and_tokens() {
    let mut session = Session::legacy(Config::default());
    let with_token = |id: i64| request(id, "tools/call", json!({"name": "x", "_meta": {"progressToken": 7}}));
    let first = session.call(1, &with_token(1));
    let second = session.call(2, &with_token(1));
    assert_ne!(first["id"], second["id"]);
    let progress = |of: &Value| {
        let token = &of["params"]["_meta"]["progressToken"];
        notification("notifications/progress", json!({"progressToken": token, "progress": 1, "x": 2}))
    };
    session.server(&progress(&second));
    assert_eq!(session.pull(1), Pull::Pending);
    let told = notification("notifications/progress", json!({"progressToken": 7, "progress": 1, "x": 2}));
    assert_eq!(session.event(2), told);
    session.server(&response(first["id"].clone(), json!({"n": 1})));
    session.server(&response(second["id"].clone(), json!({"n": 2})));
    assert_eq!(session.json(1)["result"]["n"], 1);
    let answer = session.event(2);
    assert_eq!((&answer["id"], &answer["result"]["n"]), (&json!(1), &json!(2)));
    assert_eq!((session.pull(2), session.modern.in_flight()), (Pull::End, 0));
    session.look();
    session.server(&progress(&first));
    let why = Why::NotWanted;
    let method = Some("notifications/progress".into());
    let lost = Record::Undeliverable { kind: Kind::Notification, id: None, method, why };
    assert_eq!(session.recorded(), [lost], "its call is over");
}

#[test]
fn results_gain_what_the_modern_era_wants() {
    let mut session = Session::legacy(Config::default());
    for (method, scope) in [
        ("tools/list", Some("public")),
        ("prompts/list", Some("public")),
        ("resources/list", Some("public")),
        ("resources/templates/list", Some("public")),
        ("resources/read", Some("private")),
        ("tools/call", None),
        ("prompts/get", None),
        ("completion/complete", None),
    ] {
        let id = session.call(1, &request(1, method, json!({})))["id"].clone();
        session.server(&response(id, json!({"x": 1, "_meta": {"a/b": 1}})));
        let result = &session.json(1)["result"];
        assert_eq!((&result["x"], &result["resultType"]), (&json!(1), &json!("complete")));
        assert_eq!(result["_meta"], json!({"a/b": 1, "io.modelcontextprotocol/serverInfo": info()}));
        assert_eq!(result["cacheScope"].as_str(), scope, "{method}");
        assert_eq!(result["ttlMs"].as_u64(), scope.map(|_| 60_000), "{method}");
    }
    let id = session.call(1, &request(1, "tools/list", json!({})))["id"].clone();
    session.server(&response(id, json!({"ttlMs": 1, "cacheScope": "private"})));
    let result = &session.json(1)["result"];
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(1), &json!("private")));
}

#[test]
fn errors_keep_all_but_codes_that_are_gone() {
    let mut session = Session::legacy(Config::default());
    for (theirs, ours) in [(-32002, -32602), (-32601, -32601), (-32000, -32000), (42, 42), (-32042, -32603)] {
        let id = session.call(1, &request(1, "resources/read", json!({"uri": "x:y"})))["id"].clone();
        session.server(&failure(id, theirs, json!({"uri": "x:y"})));
        let expected = json!({"code": ours, "message": "no", "data": {"uri": "x:y"}});
        assert_eq!(session.json(1), json!({"jsonrpc": "2.0", "id": 1, "error": expected}));
    }
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&response(id, json!([])));
    assert_eq!(code(&session.json(1)), -32603, "a result must be an object");
}

#[test]
fn the_bridge_answers_discover_itself() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &request(1, "server/discover", json!({}))).unwrap();
    let result = &session.json(1)["result"];
    assert_eq!(result["supportedVersions"][0], "2026-07-28");
    assert_eq!(result["supportedVersions"].as_array().unwrap().len(), 5);
    assert_eq!(result["capabilities"]["logging"], json!({}));
    assert_eq!(result["capabilities"].get("tasks"), None);
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(60_000), &json!("public")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"], info());
    assert_eq!((session.heard(), session.modern.in_flight()), (vec![], 0));
}

#[test]
fn methods_of_the_legacy_era_are_not_served() {
    let mut session = Session::legacy(Config::default());
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
        "roots/list",
        "sampling/createMessage",
        "elicitation/create",
        "notifications/initialized",
    ] {
        session.post(1, &request(1, method, json!({}))).unwrap();
        assert_eq!(code(&session.json(1)), -32601, "{method}");
        assert_eq!(session.heard(), nothing());
    }
    assert_eq!(session.call(1, &request(1, "x/y", json!({})))["method"], "x/y", "the server knows best");
}

#[test]
fn a_client_that_leaves_cancels_its_call() {
    let mut session = Session::legacy(Config::default());
    let id = session.call(1, &call(1))["id"].clone();
    session.close(1);
    let heard = session.heard();
    assert_eq!((&heard[0]["method"], &heard[0]["params"]["requestId"]), (&json!("notifications/cancelled"), &id));
    let records = session.recorded();
    assert!(matches!(records[..], [Record::CallEnded { outcome: Outcome::Cancelled, .. }]), "{records:?}");
    session.server(&response(id, json!({})));
    assert!(matches!(session.recorded()[..], [Record::LateAnswer { from: Side::Server, .. }]));
    assert_eq!((session.pull(1), session.modern.in_flight()), (Pull::End, 0));
}

#[test]
fn a_posted_cancellation_must_mean_one_request() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &call("x")).unwrap();
    session.post(2, &call("x")).unwrap();
    session.look();
    session.tell(&cancelled("x"));
    assert_eq!(session.heard(), nothing());
    session.close(1);
    session.look();
    session.tell(&cancelled("x"));
    assert_eq!(session.heard()[0]["method"], "notifications/cancelled");
    assert_eq!(code(&session.json(2)), -32008);
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    let mut session = Session::legacy(Config { request_timeout: MINUTE, ..Config::default() });
    let id = session.call(1, &call(1))["id"].clone();
    assert_eq!(session.modern.deadline(), Some(session.now + MINUTE));
    session.wait(MINUTE);
    assert_eq!(session.heard()[0]["params"]["requestId"], id);
    assert_eq!(code(&session.json(1)), -32007);
}

#[test]
fn notifications_of_the_client_reach_a_legacy_server() {
    let mut session = Session::legacy(Config::default());
    session.tell(&notification("notifications/roots/list_changed", json!({"_meta": meta()})));
    session.tell(&notification("x/y", json!({"a": 1})));
    session.tell(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let expected = [notification("notifications/roots/list_changed", json!({})), notification("x/y", json!({"a": 1}))];
    assert_eq!(session.heard(), expected);
    assert_eq!(session.recorded(), [Record::NotPassedOn { method: "notifications/initialized".into() }]);
    session.tell(&response(1, json!({})));
    assert!(matches!(session.recorded()[..], [Record::UnknownAnswer { from: Side::Client, .. }]));
}

#[test]
fn the_end_of_the_server_answers_everything() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &call(1)).unwrap();
    session.server_gone();
    assert_eq!(code(&session.json(1)), SERVER_GONE);
    assert!(matches!(session.post(2, &call(2)), Err(Refusal::ServerGone(_))));
    assert_eq!((session.modern.in_flight(), session.modern.deadline()), (0, None));
}

#[test]
fn one_at_a_time_means_calls_go_in_order() {
    let mut session = Session::legacy(Config { serialize: true, ..Config::default() });
    let first = session.call(1, &call(1));
    session.post(2, &call(2)).unwrap();
    assert_eq!(session.heard(), nothing());
    assert_eq!(session.call(3, &request(3, "tools/list", json!({})))["method"], "tools/list");
    session.server(&ask("s"));
    let parked = session.input_required(1);
    assert_eq!(session.heard(), nothing(), "a parked call holds its place");
    session.retry(4, &call(4), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.look();
    session.server(&response(first["id"].clone(), json!({})));
    assert_eq!(session.heard()[0]["method"], "tools/call");
    session.close(2);
    assert_eq!(session.heard()[0]["method"], "notifications/cancelled");
}
