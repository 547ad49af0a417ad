//! `subscriptions/listen` at a legacy server.

use super::*;
use crate::{Outcome, Why};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

fn listen(id: impl Into<Value>, filter: Value) -> Value {
    request(id, "subscriptions/listen", json!({"notifications": filter}))
}

fn changed(list: &str) -> Value {
    notification(&format!("notifications/{list}/list_changed"), json!({"x": 1}))
}

fn updated(uri: &str) -> Value {
    notification("notifications/resources/updated", json!({"uri": uri}))
}

fn acknowledged(id: impl Into<Value>, agreed: Value) -> Value {
    let params = json!({"notifications": agreed, "_meta": {SUBSCRIPTION: id.into()}});
    notification("notifications/subscriptions/acknowledged", params)
}

/// A listener that watches resources, with the server's consent.
fn watch(session: &mut Session, connection: u64, uris: &[&str]) {
    session.post(connection, &listen(connection, json!({"resourceSubscriptions": uris}))).unwrap();
    for line in session.heard() {
        assert_eq!(line["method"], "resources/subscribe");
        session.server(&response(line["id"].clone(), json!({})));
    }
    assert_eq!(session.event(connection), acknowledged(connection, json!({"resourceSubscriptions": uris})));
}

#[test]
fn what_the_server_can_do_is_acknowledged_and_delivered() {
    let mut session = Session::new(Opening::Legacy, Config::default());
    let id = session.heard()[0]["id"].clone();
    let capabilities = json!({"tools": {"listChanged": true}, "prompts": {}, "resources": {}});
    session.server(&response(id, json!({"protocolVersion": "2025-06-18", "capabilities": capabilities})));
    session.look();
    let all = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["a:b"], "x": 1
    });
    session.post(1, &listen("L", all)).unwrap();
    assert_eq!((session.pull(1), session.modern.in_flight()), (Pull::OpenSse, 0));
    assert_eq!(session.event(1), acknowledged("L", json!({"toolsListChanged": true})));
    assert_eq!(session.heard(), nothing());
    session.server(&changed("tools"));
    session.server(&changed("prompts"));
    let params = json!({"x": 1, "_meta": {SUBSCRIPTION: "L"}});
    assert_eq!(session.event(1), notification("notifications/tools/list_changed", params));
    assert_eq!(session.pull(1), Pull::Pending);
    assert_eq!(session.changed, [List::Tools, List::Prompts], "the runtime hears of each");
    session.wait(60 * MINUTE);
    assert_eq!(session.pull(1), Pull::Pending, "a listener has all the time");
}

#[test]
fn each_listener_hears_under_its_own_id() {
    let mut session = Session::legacy(Config::default());
    for connection in 1..=2 {
        session
            .post(connection, &listen(7, json!({"toolsListChanged": true, "promptsListChanged": connection == 1})))
            .unwrap();
        session.event(connection);
    }
    session.server(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    session.server(&changed("prompts"));
    for connection in 1..=2 {
        assert_eq!(session.event(connection)["params"]["_meta"][SUBSCRIPTION], 7);
    }
    assert_eq!(session.event(1)["method"], "notifications/prompts/list_changed");
    assert_eq!(session.pull(2), Pull::Pending);
}

#[test]
fn resources_are_subscribed_to_once_for_all() {
    let mut session = Session::legacy(Config::default());
    watch(&mut session, 1, &["a:1", "a:2"]);
    session.post(2, &listen(2, json!({"resourceSubscriptions": ["a:1"]}))).unwrap();
    assert_eq!(session.heard(), nothing(), "it is watched already");
    session.event(2);
    session.server(&updated("a:1"));
    assert_eq!(session.event(1)["params"], json!({"uri": "a:1", "_meta": {SUBSCRIPTION: 1}}));
    assert_eq!(session.event(2)["params"], json!({"uri": "a:1", "_meta": {SUBSCRIPTION: 2}}));
    session.server(&updated("a:1/part"));
    assert_eq!(session.event(1)["params"]["uri"], "a:1/part");
    session.close(1);
    let heard = session.heard();
    assert_eq!((heard.len(), &heard[0]["method"]), (1, &json!("resources/unsubscribe")));
    assert_eq!(heard[0]["params"]["uri"], "a:2");
    session.look();
    session.server(&updated("a:2"));
    assert!(matches!(session.recorded()[..], [Record::Undeliverable { why: Why::NotWanted, .. }]));
    session.close(2);
    assert_eq!(session.heard()[0]["params"]["uri"], "a:1");
}

#[test]
fn what_the_server_refuses_is_left_out() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &listen(1, json!({"toolsListChanged": true, "resourceSubscriptions": ["a:1", "a:2"]}))).unwrap();
    let heard = session.heard();
    session.server(&changed("tools"));
    session.server(&changed("tools"));
    session.server(&response(heard[0]["id"].clone(), json!({})));
    assert_eq!((session.pull(1), session.pull(1)), (Pull::OpenSse, Pull::Pending));
    session.server(&failure(heard[1]["id"].clone(), -32002, json!(null)));
    let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["a:1"]});
    assert_eq!(session.event(1), acknowledged(1, agreed), "it comes first");
    assert_eq!(session.event(1)["method"], "notifications/tools/list_changed");
    assert_eq!(session.pull(1), Pull::Pending, "twice the same is once enough");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let mut session = Session::legacy(Config { request_timeout: MINUTE, ..Config::default() });
    session.post(1, &listen(1, json!({"resourceSubscriptions": ["a:1"]}))).unwrap();
    let id = session.heard()[0]["id"].clone();
    assert_eq!(session.modern.deadline(), Some(session.now + MINUTE));
    session.wait(MINUTE);
    assert_eq!(session.heard()[0]["params"]["requestId"], id);
    assert_eq!(session.event(1), acknowledged(1, json!({})));
}

#[test]
fn a_subscription_ends_with_a_result() {
    let mut session = Session::legacy(Config::default());
    watch(&mut session, 1, &["a:1"]);
    session.post(2, &listen("x", json!({}))).unwrap();
    session.event(2);
    session.tell(&cancelled("x"));
    let end = |id: Value| {
        let meta = json!({SUBSCRIPTION: id, "io.modelcontextprotocol/serverInfo": info()});
        response(id, json!({"resultType": "complete", "_meta": meta}))
    };
    assert_eq!((session.event(2), session.pull(2)), (end(json!("x")), Pull::End));
    session.look();
    session.server_gone();
    assert_eq!((session.event(1), session.pull(1)), (end(json!(1)), Pull::End));
    assert!(matches!(session.recorded()[..], [Record::CallEnded { outcome: Outcome::Ok, .. }]));
}

#[test]
fn there_are_only_so_many_listeners() {
    let mut session = Session::legacy(Config { connections: 2, ..Config::default() });
    for connection in 1..=2 {
        session.post(connection, &listen(connection, json!({}))).unwrap();
    }
    let full = Refusal::TooManyConnections { limit: 2 };
    assert_eq!(session.post(3, &listen(3, json!({}))), Err(full));
    session.close(1);
    session.post(3, &listen(3, json!({}))).unwrap();

    // Those that came before the server was open are told as well.
    let mut session = Session::new(Opening::Legacy, Config { connections: 1, ..Config::default() });
    let id = session.heard()[0]["id"].clone();
    session.post(1, &listen(1, json!({}))).unwrap();
    session.post(2, &listen(2, json!({}))).unwrap();
    session.server(&response(id, initialized()));
    assert_eq!(session.event(1), acknowledged(1, json!({})));
    assert_eq!(code(&session.json(2)), -32003);
}

#[test]
fn only_so_many_resources_are_watched() {
    let mut session = Session::legacy(Config::default());
    let uris: Vec<_> = (0..2000).map(|number| format!("a:{number:04}")).collect();
    session.post(1, &listen(1, json!({"resourceSubscriptions": uris}))).unwrap();
    let heard = session.heard();
    assert_eq!(heard.len(), 1024);
    for line in heard {
        session.server(&response(line["id"].clone(), json!({})));
    }
    let agreed = session.event(1)["params"]["notifications"]["resourceSubscriptions"].clone();
    assert_eq!(agreed.as_array().unwrap().len(), 1024);
}

#[test]
fn a_filter_must_be_one() {
    let mut session = Session::legacy(Config::default());
    for params in [json!({}), json!({"notifications": []})] {
        session.post(1, &request(1, "subscriptions/listen", params)).unwrap();
        assert_eq!(code(&session.json(1)), -32602);
    }
    let no_tasks =
        json!({"notifications": {"taskIds": ["t"]}, "_meta": {"io.modelcontextprotocol/clientCapabilities": {}}});
    session.post(1, &request(1, "subscriptions/listen", no_tasks)).unwrap();
    let answer = session.json(1);
    let required = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    assert_eq!((code(&answer), &answer["error"]["data"]["requiredCapabilities"]), (-32021, &required));
    session.post(1, &listen(1, json!({"taskIds": ["t"]}))).unwrap();
    assert_eq!(session.event(1), acknowledged(1, json!({})), "there is no such task");
}
