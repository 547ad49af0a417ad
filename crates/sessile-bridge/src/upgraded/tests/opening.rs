//! `initialize`, answered from `server/discover`.

use super::*;
use sessile_protocol::{Era, LegacyVersion, ModernVersion};

#[test]
fn initialize_is_answered_from_discover() {
    let mut session = Session::new(Config::default());
    let capabilities = json!({
        "roots": {"listChanged": true}, "sampling": {"tools": {}}, "elicitation": {}, "experimental": {"x": {}},
        "tasks": {"list": {}}, "extensions": {"io.modelcontextprotocol/tasks": {}},
    });
    session.post(1, &initialize(0, "2025-03-26", capabilities));
    let upstream = json!({"roots": {}, "sampling": {"tools": {}}, "elicitation": {}, "experimental": {"x": {}}});
    let meta = json!({VERSION: "2026-07-28", CAPABILITIES: upstream, INFO: {"name": "tester", "version": "1"}});
    assert_eq!(session.heard(), [request(1, "server/discover", json!({"_meta": meta}))]);
    assert_eq!((session.pull(1), session.bridge.profile()), (Pull::Pending, None));

    let server = json!({
        "tools": {"listChanged": true}, "resources": {"subscribe": true}, "logging": {}, "experimental": {"y": {}},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    });
    session.server(&discovered(1, server));
    let told = json!({
        "tools": {"listChanged": true}, "resources": {"subscribe": true}, "logging": {}, "experimental": {"y": {}},
    });
    assert_eq!(
        session.json(1),
        result(
            0,
            json!({
                "protocolVersion": "2025-03-26", "capabilities": told, "instructions": "be kind",
                "serverInfo": {"name": "fixture", "version": "3"},
            })
        )
    );
    assert_eq!(session.bridge.negotiated(), Some(LegacyVersion::V2025_03_26));
    let profile = session.bridge.profile().unwrap().clone();
    assert_eq!(profile.era, Era::Modern(ModernVersion::V2026_07_28));
    assert!(profile.has(&["extensions"]), "kept as the server said it");
    assert_eq!(session.actions, [Action::Ready(profile)], "once, and of the modern era");
}

#[test]
fn an_unknown_version_and_a_nameless_server_get_something_to_go_by() {
    let mut session = Session::new(Config::default());
    session.post(1, &initialize(0, "2031-01-01", json!({})));
    session.server(&result(1, json!({"supportedVersions": ["2026-07-28", "2031-01-01"]})));
    let answer = session.json(1);
    assert_eq!(
        answer["result"],
        json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "serverInfo": {"name": "server", "version": "unknown"},
        })
    );
}

#[test]
fn a_server_that_refuses_to_be_discovered_does_not_open() {
    let mut session = Session::new(Config::default());
    session.post(1, &initialize(0, "2025-11-25", json!({})));
    session.server(&error(1, -32601, "no such method"));
    assert_eq!(session.actions, [Action::Unopened(ErrorObject::new(-32601, "no such method"))]);
    let answer = session.json(1);
    assert_eq!((code(&answer), &answer["id"]), (-32006, &json!(0)));
    assert_eq!(answer["error"]["message"], "server refused server/discover: no such method (-32601)");
    assert_eq!((session.bridge.profile(), session.bridge.negotiated()), (None, None));
}

#[test]
fn a_server_of_another_version_does_not_open() {
    for wrong in [json!({"supportedVersions": ["2031-01-01"]}), json!({"protocolVersion": "2025-11-25"}), json!(7)] {
        let mut session = Session::new(Config::default());
        session.post(1, &initialize(0, "2025-11-25", json!({})));
        session.server(&result(1, wrong));
        assert!(matches!(session.actions[..], [Action::Unopened(_)]), "{:?}", session.actions);
        assert_eq!(code(&session.json(1)), -32006);
    }
}

#[test]
fn before_it_is_open_a_session_answers_ping_alone() {
    let mut session = Session::new(Config::default());
    assert_eq!(session.asks(&request(1, "ping", json!({}))), result(1, json!({})));
    assert_eq!(code(&session.asks(&call(2))), -32600);
    session.tell(&notification("notifications/initialized", json!({})));
    assert_eq!(session.heard(), [] as [Value; 0]);
}

#[test]
fn an_initialize_that_is_given_up_may_be_sent_again() {
    let mut session = Session::new(Config::default());
    session.post(1, &initialize(0, "2025-11-25", json!({})));
    session.look();
    session.tell(&cancelled(0));
    assert_eq!(session.heard(), [cancelled(1)]);
    session.server(&discovered(1, json!({})));
    assert_eq!(session.recorded().len(), 2, "the end of the call, and a late answer");
    session.post(2, &initialize(5, "2025-11-25", json!({})));
    session.server(&discovered(2, json!({})));
    assert_eq!(session.json(2)["id"], 5);
    assert_eq!(session.actions.len(), 1);
}
