//! Which era a `POST` belongs to, and what is said of it first when much is wrong.

use super::name_session;
use super::{agreement, is_modern};
use crate::answer::{Failure, modern_status};
use crate::body::Answer;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sessile_protocol::{Message, Payload};

const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const UNKNOWN: (&str, &str) = ("mcp-protocol-version", "v999.0.0");
const LEGACY: (&str, &str) = ("mcp-protocol-version", "2025-11-25");
const SESSION: (&str, &str) = ("mcp-session-id", "abc");
const LIST: (&str, &str) = ("mcp-method", "tools/list");
const CALL: (&str, &str) = ("mcp-method", "tools/call");
const NAME: (&str, &str) = ("mcp-name", "add");

fn headers(sent: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// `_meta` of a request in this version.
fn meta(version: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn request(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn modern(sent: &[(&'static str, &str)], body: &Value) -> bool {
    is_modern(&headers(sent), &Payload::parse(body.to_string().into(), 10).unwrap())
}

#[test]
fn a_modern_version_anywhere_is_modern() {
    let bare = request("tools/list", &json!({}));
    let with_meta = request("tools/list", &json!({ "_meta": meta("2026-07-28") }));
    for sent in [&[][..], &[LEGACY], &[SESSION], &[LEGACY, SESSION], &[VERSION]] {
        assert!(modern(sent, &with_meta), "{sent:?}");
    }
    assert!(modern(&[VERSION], &bare) && modern(&[VERSION, SESSION], &bare) && modern(&[VERSION, LEGACY], &bare));
    assert!(modern(&[VERSION], &json!([bare])) && modern(&[], &json!([bare, with_meta])));
    assert!(modern(&[], &request("initialize", &json!({ "_meta": meta("2026-07-28") }))));
}

#[test]
fn without_a_legacy_session_less_is_enough() {
    let bare = request("tools/list", &json!({}));
    let unknown = request("tools/list", &json!({ "_meta": meta("v999.0.0") }));
    for (sent, body) in [
        (&[LIST][..], &bare),
        (&[UNKNOWN], &unknown),
        (&[], &unknown),
        (&[], &request("server/discover", &json!({}))),
        (&[], &request("subscriptions/listen", &json!({}))),
    ] {
        assert!(modern(sent, body), "{sent:?} {body}");
        let mut in_session = sent.to_vec();
        in_session.push(SESSION);
        assert!(!modern(&in_session, body), "{sent:?} {body}");
    }
}

#[test]
fn everything_else_is_legacy() {
    let bare = request("tools/list", &json!({}));
    let initialize = request("initialize", &json!({ "protocolVersion": "2026-07-28" }));
    for (sent, body) in [
        (&[][..], &bare),
        (&[LEGACY, SESSION], &bare),
        (&[UNKNOWN], &bare),
        (&[], &initialize),
        (&[VERSION], &initialize),
        (&[("mcp-method", "initialize")], &initialize),
        (&[], &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })),
        (&[], &json!([bare])),
        (&[], &request("tools/call", &json!({ "arguments": { "_meta": meta("2026-07-28") } }))),
    ] {
        assert!(!modern(sent, body), "{sent:?} {body}");
    }
}

/// The status, the code and the data that a message is refused with; `None` when it is not.
fn refused(sent: &[(&'static str, &str)], body: &Value) -> Option<(u16, i64, Value)> {
    let message = Message::parse(body.to_string().into()).unwrap();
    let wrong = agreement::check(&headers(sent), &message).err()?;
    let reply = Failure::from(wrong).into_reply();
    let Answer::Whole(Some(bytes)) = reply.body() else { panic!("an error has a body") };
    let answer: Value = serde_json::from_slice(bytes).unwrap();
    let code = answer.pointer("/error/code").and_then(Value::as_i64).unwrap();
    Some((reply.status().as_u16(), code, answer.pointer("/error/data").cloned().unwrap_or_default()))
}

fn code(sent: &[(&'static str, &str)], body: &Value) -> Option<(u16, i64)> {
    refused(sent, body).map(|(status, code, _)| (status, code))
}

#[test]
fn a_request_that_agrees_with_itself_passes() {
    let right = meta("2026-07-28");
    for (sent, body) in [
        (&[VERSION, LIST][..], request("tools/list", &json!({ "_meta": right }))),
        (&[VERSION, CALL, NAME], request("tools/call", &json!({ "name": "add", "_meta": right }))),
        (
            &[VERSION, CALL, ("mcp-name", "=?base64?YWRk?=")],
            request("tools/call", &json!({ "name": "add", "_meta": right })),
        ),
        (&[VERSION, LIST, NAME], request("tools/list", &json!({ "_meta": right }))),
        (&[VERSION, ("mcp-method", "x/y")], request("x/y", &json!({ "_meta": right }))),
        (
            &[VERSION, ("mcp-method", "tasks/get"), ("mcp-name", "t1")],
            request("tasks/get", &json!({ "taskId": "t1", "_meta": right })),
        ),
        (&[VERSION, LIST, SESSION], request("tools/list", &json!({ "_meta": right }))),
    ] {
        assert_eq!(code(sent, &body), None, "{sent:?} {body}");
    }
}

#[test]
fn headers_come_before_meta_and_versions_before_both() {
    const MISMATCH: Option<(u16, i64)> = Some((400, -32020));
    const UNSERVED: Option<(u16, i64)> = Some((400, -32022));
    const INVALID: Option<(u16, i64)> = Some((400, -32602));
    let right = json!({ "_meta": meta("2026-07-28") });
    let no_capabilities = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
    let no_version = json!({ "_meta": { "io.modelcontextprotocol/clientCapabilities": {} } });
    let other = json!({ "_meta": meta("v999.0.0") });
    let add = json!({ "name": "add", "_meta": meta("2026-07-28") });
    for (sent, method, params, expected) in [
        (&[LIST][..], "tools/list", &right, MISMATCH),
        (&[LEGACY, LIST], "tools/list", &right, MISMATCH),
        (&[VERSION, LIST], "tools/list", &other, MISMATCH),
        (&[VERSION, VERSION, LIST], "tools/list", &right, MISMATCH),
        (&[VERSION], "tools/list", &right, MISMATCH),
        (&[VERSION, CALL], "tools/list", &right, MISMATCH),
        (&[VERSION, ("mcp-method", "TOOLS/LIST")], "tools/list", &right, MISMATCH),
        (&[VERSION, LIST, LIST], "tools/list", &right, MISMATCH),
        (&[VERSION, CALL], "tools/call", &add, MISMATCH),
        (&[VERSION, CALL, ("mcp-name", "sub")], "tools/call", &add, MISMATCH),
        (&[VERSION, CALL, ("mcp-name", "=?base64?YWRk=?=")], "tools/call", &add, MISMATCH),
        (&[VERSION, CALL, NAME], "tools/call", &right, MISMATCH),
        (
            &[VERSION, ("mcp-method", "tasks/get"), NAME],
            "tasks/get",
            &json!({ "taskId": "t", "_meta": meta("2026-07-28") }),
            MISMATCH,
        ),
        // Two things wrong at once.
        (&[VERSION], "tools/list", &no_capabilities, MISMATCH),
        (&[LIST], "tools/list", &json!({}), MISMATCH),
        (&[UNKNOWN], "tools/list", &other, UNSERVED),
        (
            &[UNKNOWN, LIST],
            "tools/list",
            &json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "v999.0.0" } }),
            UNSERVED,
        ),
        (&[UNKNOWN, LIST], "tools/list", &other, UNSERVED),
        (&[LEGACY, LIST], "tools/list", &json!({ "_meta": meta("2025-11-25") }), UNSERVED),
        (&[VERSION, LIST], "tools/list", &json!({}), INVALID),
        (&[VERSION, LIST], "tools/list", &no_version, INVALID),
        (&[VERSION, LIST], "tools/list", &no_capabilities, INVALID),
        (&[VERSION, ("mcp-method", "ping")], "ping", &json!({}), INVALID),
        (&[VERSION, ("mcp-method", "ping")], "ping", &right, Some((404, -32601))),
        (&[VERSION, ("mcp-method", "initialize")], "initialize", &right, Some((404, -32601))),
    ] {
        assert_eq!(code(sent, &request(method, params)), expected, "{sent:?} {method} {params}");
    }
}

#[test]
fn an_unserved_version_is_told_what_is_served() {
    let body = request("server/discover", &json!({ "_meta": meta("v999.0.0") }));
    let (_, _, data) = refused(&[UNKNOWN, ("mcp-method", "server/discover")], &body).unwrap();
    let supported = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
    assert_eq!(data, json!({ "supported": supported, "requested": "v999.0.0" }));
}

#[test]
fn a_notification_needs_no_headers_but_those_it_has_must_be_right() {
    let cancelled = |params: Value| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    let method = ("mcp-method", "notifications/cancelled");
    assert_eq!(code(&[], &cancelled(json!({ "_meta": meta("2026-07-28") }))), None);
    assert_eq!(code(&[VERSION, method], &cancelled(json!({}))), None);
    assert_eq!(code(&[VERSION, LIST], &cancelled(json!({}))), Some((400, -32020)));
    assert_eq!(code(&[VERSION], &cancelled(json!({ "_meta": meta("v9") }))), Some((400, -32020)));
    assert_eq!(code(&[UNKNOWN, method], &cancelled(json!({}))), Some((400, -32022)));
}

#[test]
fn an_answer_is_no_message_of_this_era() {
    assert_eq!(code(&[VERSION], &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })), Some((400, -32600)));
}

#[test]
fn errors_have_the_status_that_the_specification_gives_them() {
    let status = |text: &str| modern_status(&text.to_owned().into()).as_u16();
    let error = |code: i64| status(&format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"x"}}}}"#));
    assert_eq!([error(-32601), error(-32020), error(-32021), error(-32022)], [404, 400, 400, 400]);
    // What a server says of its own parameters, or of itself, is an answer like any.
    assert_eq!([error(-32602), error(-32603), error(-32000), error(5)], [200; 4]);
    assert_eq!(status(r#"{"jsonrpc":"2.0","id":1,"result":{"error":{"code":-32601}}}"#), 200);
}

#[test]
fn a_failure_names_the_session_where_it_is_known() {
    let failure = Failure { session: Some("mine".to_owned()), ..Failure::from(super::KeyError::Two) };
    let reply = failure.into_reply();
    assert_eq!(reply.headers().get("sessile-session").unwrap(), "mine");
    let mut odd = Failure::from(super::KeyError::Two).into_reply();
    name_session(&mut odd, "a\r\nb");
    assert!(!odd.headers().contains_key("sessile-session"));
}
