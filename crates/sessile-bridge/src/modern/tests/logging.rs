//! Log messages go out with the request that asked for them.

use super::*;
use crate::Why;

fn with_level(id: i64, level: &str) -> Value {
    request(id, "tools/call", json!({"name": "x", "_meta": {"io.modelcontextprotocol/logLevel": level}}))
}

fn log(level: &str) -> Value {
    notification("notifications/message", json!({"level": level, "data": "x"}))
}

fn levels(heard: &[Value]) -> Vec<&str> {
    heard.iter().filter_map(|line| line["params"]["level"].as_str()).collect()
}

#[test]
fn the_server_is_told_the_level_that_suffices_for_all() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &with_level(1, "warning")).unwrap();
    let heard = session.heard();
    assert_eq!((&heard[0]["method"], &heard[1]["method"]), (&json!("logging/setLevel"), &json!("tools/call")));
    assert_eq!(levels(&heard), ["warning"]);
    assert_eq!(heard[1]["params"], json!({"name": "x"}));
    session.post(2, &with_level(2, "error")).unwrap();
    assert_eq!(levels(&session.heard()), [] as [&str; 0]);
    session.post(3, &with_level(3, "debug")).unwrap();
    let told = session.heard();
    assert_eq!(levels(&told), ["debug"]);
    session.look();
    session.server(&response(told[0]["id"].clone(), json!({})));
    assert_eq!(session.recorded(), [], "its answer is taken");
}

#[test]
fn messages_go_to_the_youngest_call_that_wants_them() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &with_level(1, "info")).unwrap();
    session.post(2, &with_level(2, "error")).unwrap();
    session.post(3, &call(3)).unwrap();
    session.server(&log("error"));
    session.server(&log("info"));
    session.look();
    session.server(&log("debug"));
    assert_eq!((session.event(2), session.event(1)), (log("error"), log("info")));
    assert_eq!(session.pull(3), Pull::Pending);
    assert!(matches!(session.recorded()[..], [Record::Undeliverable { why: Why::NotWanted, .. }]));
}

#[test]
fn a_level_nobody_knows_is_refused() {
    let mut session = Session::legacy(Config::default());
    session.post(1, &with_level(1, "loud")).unwrap();
    assert_eq!((code(&session.json(1)), session.heard()), (-32602, vec![]));
}

#[test]
fn a_server_that_logs_nothing_is_told_nothing() {
    let mut session = Session::new(Opening::Legacy, Config::default());
    let id = session.heard()[0]["id"].clone();
    session.server(&response(id, json!({"protocolVersion": "2024-11-05", "capabilities": {}})));
    session.look();
    session.post(1, &with_level(1, "debug")).unwrap();
    assert_eq!(session.heard()[0]["method"], "tools/call");
}
