//! What needs no server: headers, what answers say, and lines that stay whole.

use super::about::About;
use super::call::Asked;
use super::fault::Fault;
use super::out::Out;
use super::talk::Talk;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use sessile_manifest::{Endpoint, EndpointPath};
use sessile_protocol::{Message, RequestId};
use std::num::NonZeroU16;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

fn talk() -> Talk {
    let path = "/v1/mcp".parse::<EndpointPath>().unwrap();
    Talk::new(&Endpoint { port: NonZeroU16::new(8000).unwrap(), path }, "s-1", None)
}

fn message(value: &Value) -> Message {
    Message::parse(value.to_string().into()).unwrap()
}

fn request(method: &str, params: &Value) -> Message {
    message(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

fn modern(method: &str, mut params: Value) -> Message {
    params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    request(method, &params)
}

fn header<'r>(request: &'r Request<()>, name: &str) -> Option<&'r str> {
    request.headers().get(name).map(|value| value.to_str().unwrap())
}

/// A conversation in which `initialize` was answered.
fn initialized(session: Option<&str>) -> Talk {
    let mut talk = talk();
    let mut headers = HeaderMap::new();
    if let Some(session) = session {
        headers.insert("mcp-session-id", session.parse().unwrap());
    }
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "protocolVersion": "2025-06-18" } });
    talk.initialized(&headers, &message(&answer));
    talk
}

#[test]
fn every_request_names_the_servers_own_address_and_no_origin() {
    let post = talk().post(&request("initialize", &json!({ "protocolVersion": "2025-11-25" })));
    assert_eq!((post.method(), post.uri().path()), (&Method::POST, "/v1/mcp"));
    assert_eq!(header(&post, "host"), Some("127.0.0.1:8000"));
    assert_eq!(header(&post, "accept"), Some("application/json, text/event-stream"));
    assert_eq!(header(&post, "content-type"), Some("application/json"));
    assert_eq!(header(&post, "sessile-session"), Some("s-1"));
    for absent in ["origin", "mcp-session-id", "mcp-protocol-version", "mcp-method"] {
        assert_eq!(header(&post, absent), None, "{absent}");
    }
}

#[test]
fn what_initialize_has_settled_is_in_every_request_after_it() {
    let talk = initialized(Some("its own"));
    let notification = message(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let again = request("initialize", &json!({}));
    for head in [talk.post(&notification), talk.get(None), talk.delete().unwrap()] {
        assert_eq!(header(&head, "mcp-session-id"), Some("its own"));
        assert_eq!(header(&head, "mcp-protocol-version"), Some("2025-06-18"));
    }
    assert_eq!(header(&talk.post(&again), "mcp-session-id"), None, "one session is left before another is begun");
    assert_eq!(header(&talk.get(Some("e-7")), "last-event-id"), Some("e-7"));
}

#[test]
fn a_server_without_sessions_is_told_ours_and_has_none_to_end() {
    let talk = initialized(None);
    assert_eq!(header(&talk.get(None), "mcp-session-id"), Some("s-1"));
    assert!(talk.delete().is_none() && !talk.has_own_session() && talk.is_legacy());
}

#[test]
fn a_modern_request_repeats_what_its_body_says() {
    let mut talk = talk();
    talk.learn_tools(
        r#"{"tools":[{"name":"go","inputSchema":{"type":"object","properties":{"to":{"type":"string","x-mcp-header":"To"}}}},
            {"name":"odd","inputSchema":{"type":"object","properties":{"x":{"type":"object","x-mcp-header":"X"}}}}]}"#,
    );
    let head = talk.post(&modern("tools/call", json!({ "name": "go", "arguments": { "to": "K\u{f6}ln" } })));
    assert_eq!(header(&head, "mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!((header(&head, "mcp-method"), header(&head, "mcp-name")), (Some("tools/call"), Some("go")));
    assert_eq!(header(&head, "mcp-param-to"), Some("=?base64?S8O2bG4=?="));
    assert_eq!(header(&head, "mcp-session-id"), None, "that era has none");
    let odd = talk.post(&modern("tools/call", json!({ "name": "odd", "arguments": { "x": {} } })));
    assert!(odd.headers().keys().all(|name| !name.as_str().starts_with("mcp-param-")));
    let read = talk.post(&modern("resources/read", json!({ "uri": "file:///\u{2603}" })));
    assert!(header(&read, "mcp-name").unwrap().starts_with("=?base64?"));
    let list = talk.post(&modern("tools/list", json!({})));
    assert_eq!((header(&list, "mcp-method"), header(&list, "mcp-name")), (Some("tools/list"), None));
}

#[test]
fn what_came_with_an_answer_is_learnt_from_the_right_one() {
    let asked = Asked::of(&request("initialize", &json!({}))).unwrap();
    let answer =
        |id: i64| message(&json!({ "jsonrpc": "2.0", "id": id, "result": { "protocolVersion": "2025-11-25" } }));
    assert!(asked.is_answered_by(&answer(1)) && !asked.is_answered_by(&answer(2)));
    let mut talk = talk();
    let refusal = message(&json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32600, "message": "no" } }));
    asked.teach(&mut talk, &refusal);
    assert!(!talk.is_legacy());
    asked.teach(&mut talk, &answer(1));
    assert!(talk.is_legacy());
}

fn answer_of(fault: &Fault) -> Value {
    serde_json::from_slice(&fault.to_answer(&RequestId::from(7))).unwrap()
}

#[test]
fn a_refusal_in_words_of_json_rpc_is_the_answer() {
    let body = r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32022,"message":"m","data":{"supported":[]}}}"#;
    let fault = Fault::of_status(StatusCode::BAD_REQUEST, body.as_bytes());
    let expected = json!({ "code": -32022, "message": "m", "data": { "supported": [] } });
    assert_eq!(answer_of(&fault), json!({ "jsonrpc": "2.0", "id": 7, "error": expected }));
    assert_eq!(fault.code(), Some(-32022));
}

#[test]
fn any_other_refusal_is_told_with_its_beginning() {
    let body = format!("<h1>\u{1b}[31mbad\ngateway</h1>{}", "x".repeat(9000));
    let fault = Fault::of_status(StatusCode::BAD_GATEWAY, body.as_bytes());
    let answer = answer_of(&fault);
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["status"]), (&json!(-32000), &json!(502)));
    let said = answer["error"]["data"]["body"].as_str().unwrap();
    assert!(said.starts_with("<h1> [31mbad gateway") && said.len() <= 256, "{said}");
}

proptest! {
    #[test]
    fn whatever_is_answered_is_one_answer_to_the_request(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let fault = Fault::of_status(StatusCode::from_u16(status).unwrap(), &body);
        let answer = Message::parse(fault.to_answer(&RequestId::from("a"))).unwrap();
        let asked = Asked::of(&message(&json!({ "jsonrpc": "2.0", "id": "a", "method": "ping" }))).unwrap();
        prop_assert!(asked.is_answered_by(&answer));
    }
}

/// Calls are given up at any moment, also in the middle of a line that the session is slow to read.
#[tokio::test]
async fn a_line_that_was_begun_is_finished_before_the_next() {
    let (output, mut input) = pipe::pipe().unwrap();
    let out = Arc::new(Out::new(output));
    let long = Bytes::from(format!("\"{}\"", "x".repeat(1 << 20)));
    let writing = tokio::spawn({
        let (out, long) = (Arc::clone(&out), long.clone());
        async move { out.say(long).await }
    });
    let mut read = vec![0];
    input.read_exact(&mut read).await.unwrap();
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    let reading = tokio::spawn(async move {
        input.read_to_end(&mut read).await.unwrap();
        read
    });
    let about = About { call: Some(RequestId::from(7)), ..About::default() };
    out.say_about(&about, Bytes::from_static(b"{\n}")).await;
    out.close().await;
    let expected = [&long[..], b"\n", &about.mark(), b"{ }\n"].concat();
    assert!(reading.await.unwrap() == expected);
}
