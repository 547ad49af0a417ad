//! The server is asked what it speaks, and taken by its word.

use super::*;
use sessile_protocol::{Era, LegacyVersion, ModernVersion};

const MODERN: Era = Era::Modern(ModernVersion::V2026_07_28);

fn era(session: &Session) -> Option<Era> {
    session.modern.profile().map(|profile| profile.era)
}

#[test]
fn a_probed_server_that_answers_is_modern() {
    let mut session = Session::new(Opening::Probe, Config::default());
    let heard = session.heard();
    assert_eq!((heard.len(), heard[0]["method"].as_str()), (1, Some("server/discover")));
    let meta = &heard[0]["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "host");
    assert!(meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"].is_object());
    session.server(&response(heard[0]["id"].clone(), discovered()));
    assert_eq!((era(&session), session.ready), (Some(MODERN), 1));
    assert_eq!((session.heard(), session.modern.deadline()), (vec![], None));
}

#[test]
fn a_probed_server_that_knows_no_such_method_is_initialized() {
    for error in [-32601, -32602, -32600, 0] {
        let mut session = Session::new(Opening::Probe, Config::default());
        let id = session.heard()[0]["id"].clone();
        session.server(&failure(id, error, json!(null)));
        let heard = session.heard();
        assert_eq!((heard.len(), heard[0]["method"].as_str()), (1, Some("initialize")));
        let expected = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {"form": {}, "url": {}}},
            "clientInfo": {"name": "host", "version": "1"}
        });
        assert_eq!(heard[0]["params"], expected);
        session.server(&response(heard[0]["id"].clone(), initialized()));
        assert_eq!(session.heard(), [json!({"jsonrpc": "2.0", "method": "notifications/initialized"})]);
        assert_eq!((era(&session), session.ready), (Some(Era::Legacy(LegacyVersion::V2025_11_25)), 1));
    }
}

#[test]
fn a_result_that_says_nothing_means_legacy() {
    for result in [json!({}), json!([]), json!(null), json!({"supportedVersions": ["2025-06-18"]})] {
        let mut session = Session::new(Opening::Probe, Config::default());
        let id = session.heard()[0]["id"].clone();
        session.server(&response(id, result));
        assert_eq!(session.heard()[0]["method"], "initialize");
    }
}

#[test]
fn silence_means_legacy_but_a_late_word_still_counts() {
    let mut session = Session::new(Opening::Probe, Config::default());
    let discover = session.heard()[0]["id"].clone();
    assert_eq!(session.modern.deadline(), Some(Time::default()), "the first tick starts the clock");
    session.wait(Duration::ZERO);
    assert_eq!(session.modern.deadline(), Some(session.now + Duration::from_secs(2)));
    session.wait(Duration::from_secs(2));
    let initialize = session.heard()[0]["id"].clone();
    session.server(&response(discover, discovered()));
    assert_eq!(era(&session), Some(MODERN));
    session.look();
    session.server(&failure(initialize, -32601, json!(null)));
    assert!(matches!(session.recorded()[..], [Record::LateAnswer { .. }]));
    assert_eq!((session.ready, session.unopened), (1, None));
}

#[test]
fn after_silence_the_first_answer_decides() {
    let mut session = Session::new(Opening::Probe, Config::default());
    let discover = session.heard()[0]["id"].clone();
    session.wait(Duration::ZERO);
    session.wait(Duration::from_secs(2));
    let initialize = session.heard()[0]["id"].clone();
    session.server(&response(initialize, initialized()));
    session.server(&response(discover, discovered()));
    assert!(matches!(era(&session), Some(Era::Legacy(_))));
    assert_eq!(session.ready, 1);

    // A slow server that is modern only refuses `initialize` first.
    let mut session = Session::new(Opening::Probe, Config::default());
    let discover = session.heard()[0]["id"].clone();
    session.wait(Duration::ZERO);
    session.wait(Duration::from_secs(2));
    let initialize = session.heard()[0]["id"].clone();
    session.server(&failure(initialize, -32601, json!(null)));
    assert_eq!(session.unopened, None);
    session.server(&response(discover, discovered()));
    assert_eq!(era(&session), Some(MODERN));
}

#[test]
fn modern_errors_are_a_modern_servers() {
    let probe = |code, data: Value| {
        let mut session = Session::new(Opening::Probe, Config::default());
        let id = session.heard()[0]["id"].clone();
        session.server(&failure(id, code, data));
        session
    };
    assert_eq!(era(&probe(-32021, json!({"requiredCapabilities": {"sampling": {}}}))), Some(MODERN));
    assert_eq!(era(&probe(-32022, json!({"supported": ["2026-07-28"]}))), Some(MODERN));
    // It names a version that is known here, so that is spoken with it.
    let mut legacy = probe(-32022, json!({"supported": ["2025-06-18"], "requested": "2026-07-28"}));
    assert_eq!(legacy.heard()[0]["method"], "initialize");
    let unknown = probe(-32022, json!({"supported": ["2031-01-01"]}));
    assert_eq!(unknown.unopened.map(|error| error.code), Some(-32022));
}

#[test]
fn a_server_that_refuses_to_be_opened_ends_what_waits() {
    for (opening, code) in [(Opening::Legacy, -32602), (Opening::Modern, -32601)] {
        let mut session = Session::new(opening, Config::default());
        let id = session.heard()[0]["id"].clone();
        session.post(1, &call(1)).unwrap();
        assert_eq!(session.heard(), nothing(), "it waits");
        session.server(&failure(id, code, json!({"why": 1})));
        let error = session.unopened.clone().unwrap();
        assert_eq!((error.code, error.data), (code, Some(json!({"why": 1}))));
        assert_eq!(session.json(1)["error"]["code"], code);
        assert_eq!((session.ready, session.modern.in_flight()), (0, 0));
        assert!(matches!(session.post(2, &call(2)), Err(Refusal::ServerGone(_))));
    }
    let mut session = Session::new(Opening::Legacy, Config::default());
    let id = session.heard()[0]["id"].clone();
    session.server(&response(id, json!({"protocolVersion": "1999-01-01"})));
    assert!(session.unopened.is_some());
}

#[test]
fn requests_wait_until_the_server_is_open() {
    let mut session = Session::new(Opening::Legacy, Config { in_flight: 2, ..Config::default() });
    let id = session.heard()[0]["id"].clone();
    session.post(1, &call("a")).unwrap();
    session.post(2, &request("b", "tools/list", json!({}))).unwrap();
    assert_eq!(session.post(3, &call("c")), Err(Refusal::TooManyInFlight { limit: 2 }));
    session.server(&response(id, initialized()));
    let methods: Vec<_> = session.heard().into_iter().map(|line| line["method"].clone()).collect();
    assert_eq!(methods, ["notifications/initialized", "tools/call", "tools/list"]);
}
