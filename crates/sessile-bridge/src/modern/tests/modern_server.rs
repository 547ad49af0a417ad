//! A modern server is relayed.

use super::*;
use crate::{Outcome, Why};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

fn round(state: Value) -> Value {
    json!({"resultType": "input_required", "inputRequests": {"k": {"method": "roots/list"}}, "requestState": state, "x": 1})
}

#[test]
fn requests_and_results_pass_as_they_are() {
    let mut session = Session::modern(Config::default());
    let params = json!({"name": "x", "_meta": {"dev.sessile/session": "s", "progressToken": "p", "a/b": 1}});
    let sent = request("a", "tools/call", params);
    let heard = session.call(1, &sent);
    let mut expected = sent["params"].clone();
    expected["_meta"].as_object_mut().unwrap().remove("dev.sessile/session");
    expected["_meta"]["progressToken"] = heard["id"].clone();
    assert_eq!(heard["params"], expected);
    session.server(&notification("notifications/progress", json!({"progressToken": heard["id"], "progress": 1})));
    session.server(&json!({"jsonrpc": "2.0", "id": heard["id"], "result": {"content": []}, "y": 1}));
    assert_eq!(session.event(1)["params"]["progressToken"], "p");
    assert_eq!(session.event(1), json!({"jsonrpc": "2.0", "id": "a", "result": {"content": []}, "y": 1}));

    let id = session.call(2, &request(2, "resources/read", json!({})))["id"].clone();
    session.server(&failure(id, -32002, json!({"z": 1})));
    assert_eq!(session.json(2), failure(2, -32002, json!({"z": 1})));
}

#[test]
fn the_servers_own_words_answer_discover() {
    let mut session = Session::modern(Config::default());
    session.post(1, &request(1, "server/discover", json!({}))).unwrap();
    let result = &session.json(1)["result"];
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(5), &json!("private")));
    assert_eq!(result["supportedVersions"].as_array().unwrap().len(), 5);
    session.post(2, &request(2, "ping", json!({}))).unwrap();
    assert_eq!((code(&session.json(2)), session.heard()), (-32601, vec![]));
}

#[test]
fn questions_are_sealed_with_the_servers_own_state_inside() {
    let mut session = Session::modern(Config::default());
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&response(id.clone(), round(json!("theirs"))));
    let parked = session.json(1);
    assert_eq!(parked["result"]["inputRequests"], round(json!(0))["inputRequests"]);
    assert_eq!((&parked["result"]["x"], session.modern.in_flight(), session.modern.parked()), (&json!(1), 1, 1));
    assert_ne!(parked["result"]["requestState"], "theirs");
    session.retry(2, &call(2), &parked, json!({"k": {"roots": []}})).unwrap();
    let heard = session.heard();
    assert_ne!(heard[0]["id"], id);
    assert_eq!(heard[0]["params"]["requestState"], "theirs");
    assert_eq!(heard[0]["params"]["inputResponses"], json!({"k": {"roots": []}}));
    assert_eq!(session.modern.in_flight(), 1, "it is the same call");

    // The server judges a state that comes twice.
    session.retry(3, &call(3), &parked, json!({})).unwrap();
    assert_eq!((&session.heard()[0]["params"]["requestState"], session.modern.in_flight()), (&json!("theirs"), 2));
}

#[test]
fn a_server_without_a_state_is_given_none() {
    let mut session = Session::modern(Config::default());
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&response(id, json!({"resultType": "input_required", "inputRequests": {}})));
    let parked = session.json(1);
    session.retry(2, &call(2), &parked, json!({})).unwrap();
    assert_eq!(session.heard()[0]["params"].get("requestState"), None);
}

#[test]
fn a_call_that_waits_is_forgotten_but_its_retry_is_not_refused() {
    let mut session = Session::modern(Config { park_timeout: MINUTE, parked: 1, ..Config::default() });
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&response(id, round(json!("s"))));
    let parked = session.json(1);
    let id = session.call(2, &call(2))["id"].clone();
    session.server(&response(id, round(json!("t"))));
    let second = session.json(2);
    assert_eq!(session.modern.parked(), 1, "one too many is not remembered");
    session.wait(MINUTE);
    assert_eq!((session.modern.in_flight(), session.heard()), (0, vec![]));
    for (connection, answer, state) in [(3, parked, "s"), (4, second, "t")] {
        session.retry(connection, &call(connection), &answer, json!({})).unwrap();
        assert_eq!(session.heard()[0]["params"]["requestState"], state);
    }
}

#[test]
fn a_retry_may_come_before_the_server_is_open() {
    let retry = |session: &mut Session| {
        let event = Event::Retry {
            connection: ConnectionId(1),
            message: message(&call(1)),
            call: CallId(99),
            generation: 1,
            inner: Some("s".to_owned()),
        };
        session.on(event).unwrap();
    };
    let mut session = Session::new(Opening::Probe, Config::default());
    let id = session.heard()[0]["id"].clone();
    retry(&mut session);
    session.server(&response(id, discovered()));
    assert_eq!(session.heard()[0]["params"]["requestState"], "s");

    let mut session = Session::new(Opening::Legacy, Config::default());
    let id = session.heard()[0]["id"].clone();
    retry(&mut session);
    session.server(&response(id, initialized()));
    assert_eq!(session.json(1)["error"]["data"]["reason"], "request_state_invalid");
}

#[test]
fn servers_of_the_modern_era_ask_nothing() {
    let mut session = Session::modern(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    assert_eq!(code(&session.heard()[0]), -32600);
    assert!(matches!(session.recorded()[..], [Record::Undeliverable { why: Why::OutOfPlace, .. }]));
}

#[test]
fn subscriptions_pass_under_their_clients_id() {
    let mut session = Session::modern(Config::default());
    let heard =
        session.call(1, &request("L", "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})));
    let id = heard["id"].clone();
    let told = |method: &str, id: &Value| notification(method, json!({"_meta": {SUBSCRIPTION: id, "a/b": 1}}));
    for method in ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed", "x/y"] {
        session.server(&told(method, &id));
        assert_eq!(session.event(1), told(method, &json!("L")));
    }
    assert_eq!(session.changed, [List::Tools]);
    session.look();
    session.server(&told("x/y", &json!(77)));
    session.server(&notification("x/y", json!({})));
    assert_eq!(session.recorded().len(), 2);
    session.server(&response(id.clone(), json!({"resultType": "complete", "_meta": {SUBSCRIPTION: id}})));
    let end = response("L", json!({"resultType": "complete", "_meta": {SUBSCRIPTION: "L"}}));
    assert_eq!((session.event(1), session.pull(1)), (end, Pull::End));

    let id = session.call(2, &request(2, "subscriptions/listen", json!({"notifications": {}})))["id"].clone();
    session.close(2);
    assert_eq!(session.heard()[0]["params"]["requestId"], id);

    let id = session.call(3, &request(3, "subscriptions/listen", json!({"notifications": {}})))["id"].clone();
    session.server(&cancelled(id));
    assert_eq!(session.event(3)["result"]["resultType"], "complete");
    assert_eq!((session.pull(3), session.heard()), (Pull::End, vec![]));
}

#[test]
fn a_servers_own_task_keeps_the_session_in_use() {
    let mut session = Session::modern(Config { task_ttl: MINUTE, ..Config::default() });
    for (ttl, end) in [(json!(null), "get"), (json!(5000), "notice"), (json!(5000), "time")] {
        let id = session.call(1, &call(1))["id"].clone();
        let task = json!({"resultType": "task", "taskId": "t", "status": "working", "ttlMs": ttl});
        session.server(&response(id, task.clone()));
        assert_eq!(session.json(1)["result"], task);
        assert_eq!((session.server_tasks.pop().as_deref(), session.modern.in_flight()), (Some("t"), 1));
        let records = session.recorded();
        assert!(matches!(records[0], Record::CallEnded { outcome: Outcome::Task, .. }), "{records:?}");
        let over = json!({"taskId": "t", "status": "completed", "result": {}});
        match end {
            "get" => {
                assert_eq!(session.modern.deadline(), Some(session.now + MINUTE));
                let id = session.call(2, &request(2, "tasks/get", json!({"taskId": "t"})))["id"].clone();
                session.server(&response(id, over));
                session.json(2);
            }
            "notice" => session.server(&notification("notifications/tasks", over)),
            _ => session.wait(Duration::from_secs(5)),
        }
        assert_eq!((session.modern.in_flight(), session.modern.deadline()), (0, None), "{end}");
        session.look();
    }
}

#[test]
fn log_messages_pass_by_level() {
    let mut session = Session::modern(Config::default());
    let params = json!({"name": "x", "_meta": {"io.modelcontextprotocol/logLevel": "info"}});
    session.call(1, &request(1, "tools/call", params));
    let log = notification("notifications/message", json!({"level": "info", "data": 1}));
    session.server(&log);
    assert_eq!(session.event(1), log);
}
