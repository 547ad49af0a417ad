//! Ids of a server's requests, when its session is lent to another one by a handle.
//!
//! A legacy client answers all questions through the session it initialized. Those of a session that it reached by a
//! handle must not be taken for those of its own: they go out under a prefix, and lose it again on the way back.

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{Body, Message, Object, RequestId};

/// The prefix of one session's questions; none for a session that is nobody's but its client's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Prefix(Option<String>);

impl Prefix {
    pub(super) fn new(prefix: Option<String>) -> Self {
        Self(prefix)
    }

    /// A message of the server as its client shall see it.
    pub(super) fn add(&self, message: Message) -> Message {
        let Some(prefix) = &self.0 else {
            return message;
        };
        let changed = match message.body() {
            Body::Request { id, .. } => with_member(message.raw(), "id", &prefixed(prefix, id)),
            Body::Notification { .. } => message.cancelled_request().and_then(|id| {
                let params = with_member(message.params()?.as_bytes(), "requestId", &prefixed(prefix, &id))?;
                with_member(message.raw(), "params", &params)
            }),
            Body::Response { .. } => None,
        };
        changed.and_then(|text| Message::parse(text.into()).ok()).unwrap_or(message)
    }

    /// A line for the server, in its own words again.
    pub(super) fn take_off(&self, line: Bytes) -> Bytes {
        let Some(prefix) = &self.0 else {
            return line;
        };
        let original = Message::parse(line.clone()).ok().and_then(|message| match message.body() {
            Body::Response { id: Some(id), .. } => original(prefix, id),
            _ => None,
        });
        original.and_then(|id| with_member(&line, "id", &id)).map_or(line, Bytes::from)
    }
}

fn prefixed(prefix: &str, id: &RequestId) -> String {
    serde_json::Value::from(format!("{prefix}{id}")).to_string()
}

fn original(prefix: &str, id: &RequestId) -> Option<String> {
    let text: String = serde_json::from_str(id.as_json()).ok()?;
    text.strip_prefix(prefix).map(str::to_owned)
}

fn with_member(json: &[u8], name: &str, value: &str) -> Option<String> {
    let mut object = Object::parse(std::str::from_utf8(json).ok()?)?;
    object.set(name, value);
    Some(object.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).unwrap()
    }

    #[test]
    fn what_a_client_answers_reaches_the_server_under_its_own_id() {
        let prefix = Prefix::new(Some("s-1:".to_owned()));
        for id in ["7", "\"a\\\"b\"", "\"s-1:\""] {
            let asked = prefix.add(message(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#)));
            let Body::Request { id: shown, .. } = asked.body() else { panic!("{asked:?}") };
            assert!(shown.as_json().starts_with("\"s-1:"), "{shown}");
            let answer = prefix.take_off(format!(r#"{{"jsonrpc":"2.0","id":{shown},"result":{{}}}}"#).into());
            assert_eq!(answer, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        }
    }

    #[test]
    fn a_question_that_is_withdrawn_is_named_as_it_was_asked() {
        let prefix = Prefix::new(Some("s-1:".to_owned()));
        let notice = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
        let shown = prefix.add(message(notice));
        assert_eq!(shown.cancelled_request(), Some(RequestId::from("s-1:7")));
    }

    #[test]
    fn without_a_prefix_nothing_changes() {
        let text = r#"{ "jsonrpc":"2.0", "id":7, "method":"roots/list" }"#;
        assert_eq!(Prefix::default().add(message(text)).raw(), text);
    }
}
