//! What is a message and what is not, and what can be read from one.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Result<Message, EnvelopeError> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()))
}

fn message(value: &Value) -> Message {
    parse(&value.to_string()).unwrap()
}

fn fault(text: &str) -> Fault {
    parse(text).unwrap_err().fault().clone()
}

#[test]
fn a_request_gives_its_id_its_method_and_what_it_is_about() {
    let text = " {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"x\":[1],\
                \"params\":{\"_meta\":{\"progressToken\":\"p\"},\"name\":\"add\",\"uri\":\"u:\"}}\n";
    let message = parse(text).unwrap();
    assert_eq!(message.body(), &Body::Request { id: RequestId::from(7), method: "tools/call".into() });
    assert_eq!(message.raw(), text.as_bytes());
    assert_eq!(message.subject().as_deref(), Some("add"));
    assert_eq!(message.progress_token(), Some(ProgressToken::from("p")));
    assert_eq!(message.cancelled_request(), None);
}

#[test]
fn what_a_message_is_about_may_be_a_uri_and_may_be_escaped() {
    let read = json!({"jsonrpc": "2.0", "id": "é", "method": "resources/read", "params": {"uri": "a\"b"}});
    assert_eq!(message(&read).subject().as_deref(), Some("a\"b"));
    let odd = json!({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"name": {"a": 1}}});
    assert_eq!(message(&odd).subject(), None);
}

#[test]
fn progress_and_cancellation_point_at_requests() {
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": 3, "_meta": {"progressToken": 4}}});
    assert_eq!(message(&progress).progress_token(), Some(ProgressToken::from(3)));
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "a"}});
    assert_eq!(message(&cancelled).cancelled_request(), Some(RequestId::from("a")));
}

#[test]
fn initialize_and_its_result_name_a_version() {
    let ask = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!(message(&ask).protocol_version().as_deref(), Some("2025-11-25"));
    let answer = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-06-18"}});
    assert_eq!(message(&answer).protocol_version().as_deref(), Some("2025-06-18"));
}

#[test]
fn responses_are_results_or_errors() {
    let result = parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap();
    assert_eq!(result.body(), &Body::Response { id: Some(1.into()), is_error: false });
    for text in [r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, r#"{"jsonrpc":"2.0","error":{}}"#] {
        assert_eq!(parse(text).unwrap().body(), &Body::Response { id: None, is_error: true });
    }
}

#[test]
fn equal_ids_are_equal_however_they_are_spelled() {
    assert_eq!(RequestId::from_json(r#""\u00e9""#), RequestId::from_json("\"é\""));
    assert_eq!(RequestId::from_json("-0"), Some(RequestId::from(0)));
    assert_ne!(RequestId::from(1), RequestId::from("1"));
    let long = "x".repeat(200);
    assert_eq!(RequestId::from(long.as_str()).as_json(), format!("\"{long}\""));
    for json in ["1.0", "1e3", "null", "true", "{}", "", "-", "01", " 1", "\"a", "\"\\ud800\"", "\"a\"b\""] {
        assert_eq!(RequestId::from_json(json), None, "{json}");
    }
    let too_long = format!("\"{}\"", "x".repeat(MAX_ID_BYTES));
    assert_eq!(RequestId::from_json(&too_long), None);
}

#[test]
fn what_is_no_message_is_refused_with_its_reason() {
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","id":2}"#, Fault::Duplicate { member: "id" }),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","\u0069d":1}"#, Fault::Duplicate { member: "id" }),
        (r#"{"jsonrpc":"2.0","method":"m","params":{},"params":{}}"#, Fault::Duplicate { member: "params" }),
        (r#"{"id":1,"method":"m"}"#, Fault::NotJsonRpc2),
        (r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, Fault::NotJsonRpc2),
        (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, Fault::NotJsonRpc2),
        (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, Fault::BadId),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, Fault::BadId),
        (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, Fault::BadId),
        (r#"{"jsonrpc":"2.0","id":null,"result":1}"#, Fault::BadId),
        (r#"{"jsonrpc":"2.0","result":1}"#, Fault::ResultWithoutId),
        (r#"{"jsonrpc":"2.0","id":1}"#, Fault::Nothing),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, Fault::BadMethod),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":"p"}"#, Fault::BadParams),
        (r#"{"jsonrpc":"2.0","id":1,"error":"e"}"#, Fault::BadError),
        (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, Fault::Ambiguous { one: "result", other: "error" }),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#, Fault::Ambiguous { one: "method", other: "result" }),
        ("[]", Fault::NotAnObject),
        ("5", Fault::NotAnObject),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), expected, "{text}");
        assert_eq!(parse(text).unwrap_err().code(), -32600, "{text}");
    }
    for text in ["", "{", "{}x", "{'a':1}", "{\"a\":1,}", "nul"] {
        assert!(matches!(fault(text), Fault::NotJson { .. }), "{text}");
        assert_eq!(parse(text).unwrap_err().code(), -32700, "{text}");
    }
    let bad = Message::parse(Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"x\":\"\xff\"}")).unwrap_err();
    assert_eq!((bad.fault(), bad.code()), (&Fault::NotUtf8 { at: 22 }, -32700));
}

#[test]
fn an_error_knows_the_id_where_it_can_be_read() {
    let error = parse(r#"{"jsonrpc":"1.0","id":"q","method":"m"}"#).unwrap_err();
    assert_eq!(error.id(), Some(&RequestId::from("q")));
    let object = error.to_object();
    assert_eq!((object.code, object.message.as_ref()), (-32600, "message has no member \"jsonrpc\": \"2.0\""));
}

#[test]
fn depth_is_counted_outside_strings_only() {
    let nested = |levels: usize| {
        let levels = levels - 2;
        format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"a":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(fault(&nested(MAX_DEPTH + 1)), Fault::TooDeep);
    assert_eq!(fault(&"[".repeat(1_000_000)), Fault::TooDeep);
    let text = json!({"jsonrpc": "2.0", "method": "m", "params": {"a": "\\\"[{".repeat(400)}});
    assert!(parse(&text.to_string()).is_ok());
    let wide = json!({"jsonrpc": "2.0", "method": "m", "params": {"a": vec![json!([[]]); 400]}});
    assert!(parse(&wide.to_string()).is_ok());
}

#[test]
fn a_batch_shares_the_memory_of_its_body() {
    let raw = Bytes::from_static(
        br#" [{"jsonrpc":"2.0","id":1,"method":"ping"} , {"jsonrpc":"2.0","method":"n","params":{"name":"x"}}]"#,
    );
    let Payload::Batch(messages) = Payload::parse(raw.clone(), 2).unwrap() else {
        panic!("an array is a batch");
    };
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].subject().as_deref(), Some("x"));
    let range = raw.as_ptr_range();
    assert!(messages.iter().all(|message| range.contains(&message.raw().as_ptr())));
    assert_eq!(messages[0].raw(), &br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#[..]);

    let refuse = |text: &'static str, limit| Payload::parse(Bytes::from_static(text.as_bytes()), limit).unwrap_err();
    assert_eq!(Payload::parse(raw, 1).unwrap_err().fault(), &Fault::BatchTooLong { limit: 1 });
    assert_eq!(refuse("[]", 5).fault(), &Fault::EmptyBatch);
    assert_eq!(refuse("[1]", 5).fault(), &Fault::NotAnObject);
    assert_eq!(refuse("[{}", 5).code(), -32700);
    assert_eq!(refuse("[] []", 5).code(), -32700);
    assert_eq!(refuse(r#"[{"id":4}]"#, 5).id(), Some(&RequestId::from(4)));
}

#[test]
fn names_of_methods_are_bounded() {
    let call = |name: &str| parse(&json!({"jsonrpc": "2.0", "method": name}).to_string());
    assert_eq!(call("\u{1}").unwrap().method(), Some(&Method::new("\u{1}")));
    assert!(call(&"m".repeat(MAX_METHOD_BYTES)).is_ok());
    assert_eq!(call(&"m".repeat(MAX_METHOD_BYTES + 1)).unwrap_err().fault(), &Fault::BadMethod);
    assert_eq!(call(&"\n".repeat(MAX_METHOD_BYTES + 1)).unwrap_err().fault(), &Fault::BadMethod);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Objects made of the members of an envelope, right and wrong ones.
fn almost_message() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["jsonrpc", "id", "method", "params", "result", "error", "other"]);
    let value = prop_oneof![
        Just("\"2.0\"".to_owned()),
        Just("{\"_meta\":{\"progressToken\":1}}".to_owned()),
        any_json().prop_map(|value| value.to_string()),
    ];
    prop::collection::vec((name, value), 0..6).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{\"jsonrpc\":\"2.0\",{}}}", members.join(",")).replace(",}", "}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = Payload::parse(Bytes::from(bytes), 4);
    }

    #[test]
    fn what_is_read_agrees_with_a_full_parser(text in almost_message()) {
        let full: Value = serde_json::from_str(&text).unwrap();
        let Ok(message) = parse(&text) else { return Ok(()) };
        prop_assert_eq!(message.raw(), text.as_bytes());
        match message.body() {
            Body::Request { id, method } => {
                prop_assert_eq!(serde_json::from_str::<Value>(id.as_json()).unwrap(), full["id"].clone());
                prop_assert_eq!(method.as_str(), full["method"].as_str().unwrap());
            }
            Body::Notification { method } => prop_assert_eq!(method.as_str(), full["method"].as_str().unwrap()),
            Body::Response { is_error, .. } => prop_assert_eq!(*is_error, full.get("error").is_some()),
        }
        let token = full["params"]["_meta"]["progressToken"].as_i64().map(ProgressToken::from);
        if token.is_some() && message.method().is_some_and(|method| method != "notifications/progress") {
            prop_assert_eq!(message.progress_token(), token);
        }
    }

    #[test]
    fn strings_survive_as_ids(text in any::<String>()) {
        let id = RequestId::from(text.as_str());
        prop_assert_eq!(serde_json::from_str::<String>(id.as_json()).unwrap(), text);
        prop_assert_eq!(RequestId::from_json(id.as_json()), Some(id));
    }

    #[test]
    fn lines_hold_the_same_json(value in any_json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n");
        let line = crate::to_line(Bytes::from(pretty.clone()));
        prop_assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        let parsed = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        prop_assert_eq!(parsed(&line), parsed(pretty.as_bytes()));
    }
}
