//! Subscriptions and lists that change.

use super::*;
use crate::{Kind, List, Why};

fn server() -> Value {
    json!({"tools": {"listChanged": true}, "prompts": {"listChanged": false}, "resources": {"subscribe": true}})
}

fn initialized() -> Value {
    notification("notifications/initialized", json!({}))
}

fn subscribe(id: &str, uri: &str) -> Value {
    request(id, "resources/subscribe", json!({"uri": uri}))
}

fn unsubscribe(id: &str, uri: &str) -> Value {
    request(id, "resources/unsubscribe", json!({"uri": uri}))
}

fn acknowledged(id: i64, filter: &Value) -> Value {
    notification(
        "notifications/subscriptions/acknowledged",
        json!({"_meta": {SUBSCRIPTION: id}, "notifications": filter}),
    )
}

fn updated(id: i64, uri: &str) -> Value {
    notification("notifications/resources/updated", json!({"_meta": {SUBSCRIPTION: id}, "uri": uri}))
}

fn told(uri: &str) -> Value {
    notification("notifications/resources/updated", json!({"uri": uri}))
}

fn out_of_place(method: &str) -> Record {
    Record::Undeliverable { kind: Kind::Notification, id: None, method: Some(method.into()), why: Why::OutOfPlace }
}

/// A session that hears changes of tools on upstream id 2, and listens on connection 9.
fn listening() -> Session {
    let mut session = Session::open(json!({}), server());
    session.listen(9);
    session.tell(&initialized());
    let line = session.heard_one();
    assert_eq!((&line["id"], &line["method"]), (&json!(2), &json!("subscriptions/listen")));
    assert_eq!(line["params"]["notifications"], json!({"toolsListChanged": true}));
    assert_eq!(line["params"]["_meta"][VERSION], "2026-07-28");
    session.server(&acknowledged(2, &json!({"toolsListChanged": true})));
    session.look();
    session
}

/// The same, subscribed to `a` on upstream id 3.
fn subscribed() -> Session {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.server(&acknowledged(3, &json!({"toolsListChanged": true, "resourceSubscriptions": ["a"]})));
    assert_eq!(session.json(1), result("s", json!({})));
    session.look();
    session
}

#[test]
fn a_list_that_changes_is_told_without_the_marks_of_the_modern_era() {
    let mut session = listening();
    let changed = |params| notification("notifications/tools/list_changed", params);
    session.server(&changed(json!({"_meta": {SUBSCRIPTION: 2, "example.com/x": 1}})));
    assert_eq!(session.actions, [Action::ListChanged(List::Tools)]);
    assert_eq!(session.event(9), changed(json!({"_meta": {"example.com/x": 1}})));
    session.server(&changed(json!({"_meta": {SUBSCRIPTION: 2}})));
    assert_eq!(session.event(9), changed(json!({})));
    session.tell(&initialized());
    assert_eq!(session.heard(), [] as [Value; 0], "once is enough");
}

#[test]
fn a_server_whose_lists_never_change_is_not_listened_to() {
    let mut session = Session::open(json!({}), json!({"tools": {}, "resources": {"subscribe": true}}));
    session.tell(&initialized());
    assert_eq!(session.heard(), [] as [Value; 0]);
}

#[test]
fn a_subscription_is_a_new_listen_that_takes_the_place_of_the_old() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    let line = session.heard_one();
    assert_eq!(line["id"], 3);
    assert_eq!(line["params"]["notifications"], json!({"toolsListChanged": true, "resourceSubscriptions": ["a"]}));
    assert_eq!(session.pull(1), Pull::Pending, "not before it is acknowledged");

    let changed = |id: i64| notification("notifications/tools/list_changed", json!({"_meta": {SUBSCRIPTION: id}}));
    session.server(&changed(2));
    session.server(&acknowledged(3, &json!({"toolsListChanged": true, "resourceSubscriptions": ["a"]})));
    let line = session.heard_one();
    assert_eq!((&line["method"], &line["params"]["requestId"]), (&json!("notifications/cancelled"), &json!(2)));
    assert_eq!(session.json(1), result("s", json!({})));
    session.recorded();
    session.server(&changed(2));
    assert_eq!(session.recorded(), [out_of_place("notifications/tools/list_changed")], "one of the two is heard");
    session.server(&changed(3));
    session.server(&updated(3, "a"));
    session.server(&updated(3, "a/part"));
    for method in ["notifications/tools/list_changed"; 2] {
        assert_eq!(session.event(9)["method"], method);
    }
    assert_eq!((session.event(9), session.event(9)), (told("a"), told("a/part")));
}

#[test]
fn what_the_server_does_not_agree_to_is_an_error() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.server(&acknowledged(3, &json!({"toolsListChanged": true})));
    assert_eq!(code(&session.json(1)), -32602);
    session.look();
    session.post(2, &subscribe("t", "b"));
    let filter = &session.heard_one()["params"]["notifications"];
    assert_eq!(filter["resourceSubscriptions"], json!(["b"]), "it is not asked for again");
}

#[test]
fn changes_that_come_while_a_listen_opens_go_into_the_next() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.post(2, &subscribe("t", "b"));
    session.post(3, &subscribe("u", "c"));
    assert_eq!(session.heard().len(), 1);
    session.server(&acknowledged(3, &json!({"resourceSubscriptions": ["a", "b", "forged"]})));
    assert_eq!(session.json(1), result("s", json!({})));
    let lines = session.heard();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["params"]["notifications"]["resourceSubscriptions"], json!(["a", "b", "c"]));
    session.server(&acknowledged(4, &json!({"resourceSubscriptions": ["a", "b"]})));
    assert_eq!((session.json(2), code(&session.json(3))), (result("t", json!({})), -32602));
}

#[test]
fn a_second_subscription_to_the_same_is_answered_at_once() {
    let mut session = subscribed();
    assert_eq!(session.asks(&subscribe("t", "a")), result("t", json!({})));
    assert_eq!(session.heard(), [] as [Value; 0]);
}

#[test]
fn what_is_unsubscribed_is_told_no_more() {
    let mut session = subscribed();
    assert_eq!(session.asks(&unsubscribe("u", "a")), result("u", json!({})));
    assert_eq!(session.heard_one()["params"]["notifications"], json!({"toolsListChanged": true}));
    session.recorded();
    session.server(&updated(3, "a"));
    assert_eq!(session.recorded(), [out_of_place("notifications/resources/updated")]);
    assert_eq!(session.pull(9), Pull::Pending);
    assert_eq!(session.asks(&unsubscribe("v", "a")), result("v", json!({})));
    assert_eq!(session.heard(), [] as [Value; 0]);
}

#[test]
fn the_last_subscription_ends_the_listen() {
    let mut session = Session::open(json!({}), json!({"resources": {"subscribe": true}}));
    session.post(1, &subscribe("s", "a"));
    session.server(&acknowledged(2, &json!({"resourceSubscriptions": ["a"]})));
    session.look();
    session.asks(&unsubscribe("u", "a"));
    assert_eq!(session.heard_one()["params"]["requestId"], 2);
}

#[test]
fn a_listen_that_the_server_ends_is_opened_once_more() {
    let ends: [fn(i64) -> Value; 3] = [
        |id| result(id, json!({"resultType": "complete"})),
        |id| error(id, -32000, "restarting"),
        |id| notification("notifications/cancelled", json!({"requestId": id})),
    ];
    for end in ends {
        let mut session = subscribed();
        session.server(&end(3));
        let line = session.heard_one();
        assert_eq!((&line["id"], &line["method"]), (&json!(4), &json!("subscriptions/listen")));
        assert_eq!(line["params"]["notifications"]["resourceSubscriptions"], json!(["a"]));
        session.server(&acknowledged(4, &json!({"resourceSubscriptions": ["a"]})));
        session.server(&updated(4, "a"));
        assert_eq!(session.event(9), told("a"));
        session.server(&end(4));
        assert_eq!(session.heard(), [] as [Value; 0], "a server that will not is left in peace");
        session.post(1, &subscribe("t", "b"));
        assert_eq!(session.heard_one()["params"]["notifications"]["resourceSubscriptions"], json!(["a", "b"]));
    }
}

#[test]
fn a_listen_that_held_for_a_while_is_opened_again_each_time() {
    let mut session = subscribed();
    for id in 3..6 {
        session.server(&result(id, json!({})));
        assert_eq!(session.heard_one()["id"], id + 1);
        session.server(&acknowledged(id + 1, &json!({"resourceSubscriptions": ["a"]})));
        session.wait(MINUTE);
    }
}

#[test]
fn a_listen_that_is_refused_fails_those_who_wait_for_it() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.look();
    session.server(&error(3, -32603, "no more"));
    assert_eq!(session.json(1), error("s", -32603, "no more"));
    assert_eq!(session.heard(), [] as [Value; 0]);
    session.server(&notification("notifications/tools/list_changed", json!({"_meta": {SUBSCRIPTION: 2}})));
    assert_eq!(session.event(9)["method"], "notifications/tools/list_changed", "the old one goes on");
}

#[test]
fn a_listen_that_is_never_acknowledged_does_not_bar_the_way() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.look();
    session.wait(15 * MINUTE);
    assert_eq!(code(&session.json(1)), -32007);
    let lines = session.heard();
    assert_eq!(lines[0]["params"]["requestId"], 3);
    assert_eq!(lines[1]["params"]["notifications"], json!({"toolsListChanged": true}));
    session.post(2, &subscribe("t", "b"));
    session.server(&acknowledged(4, &json!({})));
    session.server(&acknowledged(5, &json!({"resourceSubscriptions": ["b"]})));
    assert_eq!(session.json(2), result("t", json!({})));
}

#[test]
fn a_subscription_that_is_given_up_is_not_kept() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.tell(&cancelled("s"));
    assert_eq!(code(&session.json(1)), -32008);
    session.look();
    session.server(&acknowledged(3, &json!({"resourceSubscriptions": ["a"]})));
    let lines = session.heard();
    assert_eq!(lines[1]["params"]["notifications"], json!({"toolsListChanged": true}));
}

#[test]
fn what_belongs_to_no_subscription_is_dropped_with_a_record() {
    let mut session = listening();
    session.post(1, &subscribe("s", "a"));
    session.look();
    session.server(&updated(3, "a"));
    session.server(&updated(77, "a"));
    session.server(&acknowledged(2, &json!({})));
    session.server(&notification("notifications/cancelled", json!({"requestId": "ask-1"})));
    let methods = ["resources/updated", "resources/updated", "subscriptions/acknowledged", "cancelled"];
    assert_eq!(session.recorded(), methods.map(|method| out_of_place(&format!("notifications/{method}"))));
    assert_eq!(session.pull(9), Pull::Pending);
}

#[test]
fn subscriptions_are_bounded() {
    let mut session = Session::open(json!({}), server());
    let long = "x".repeat(256 << 10);
    assert_eq!(code(&session.asks(&subscribe("s", &format!("{long}y")))), -32003);
    session.post(1, &subscribe("s", &long));
    assert_eq!(code(&session.asks(&subscribe("t", "a"))), -32003);
    assert_eq!(code(&session.asks(&request("u", "resources/subscribe", json!({"uri": 5})))), -32602);
}
