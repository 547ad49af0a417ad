//! Messages of Sessile's own are messages.

use serde_json::json;

use super::*;
use crate::envelope::{Body, Message};

#[test]
fn errors_read_back() {
    let id = RequestId::from("a\"b");
    let error = ErrorObject::new(SERVER_GONE, "it said \"no\"").with_data(json!({"exit": 3}));
    let raw = error_response(Some(&id), &error);
    assert_eq!(
        serde_json::from_slice::<Value>(&raw).unwrap(),
        json!({"jsonrpc": "2.0", "id": "a\"b", "error": serde_json::to_value(&error).unwrap()})
    );
    let nameless = Message::parse(error_response(None, &error)).unwrap();
    assert_eq!(nameless.body(), &Body::Response { id: None, is_error: true });
}

#[test]
fn built_messages_read_back() {
    let id = RequestId::from_json("123456789012345678901234567890").unwrap();
    let asked = Message::parse(request(&id, "ping", None)).unwrap();
    assert_eq!(asked.body(), &Body::Request { id: id.clone(), method: "ping".into() });
    let answered = Message::parse(result_response(&id, &json!({"protocolVersion": "x"}))).unwrap();
    assert_eq!(answered.protocol_version().as_deref(), Some("x"));
    let told = Message::parse(notification("n", Some(&json!({"name": "y"})))).unwrap();
    assert_eq!(told.subject().as_deref(), Some("y"));
    let given_up = Message::parse(cancelled(&id, "client \"left\"")).unwrap();
    assert_eq!(given_up.cancelled_request(), Some(id));
}
