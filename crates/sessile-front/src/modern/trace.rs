//! The trace that an HTTP request belongs to, carried into the message (SEP-414): servers behind pipes see no headers.

use http::HeaderMap;
use sessile_protocol::headers::{BAGGAGE, TRACEPARENT, TRACESTATE};
use sessile_protocol::{Message, Object, meta};

/// The longest `traceparent`, in bytes: version 00 has 55, later ones may have more.
const MAX_TRACEPARENT: usize = 256;
/// The longest `tracestate` in bytes, twice of what every vendor must pass on (W3C Trace Context, section 3.3.1.5).
const MAX_TRACESTATE: usize = 1024;
/// The longest `baggage` in bytes: what every platform must pass on (W3C Baggage, section 3.3.2).
const MAX_BAGGAGE: usize = 8192;

/// The message, its `_meta` with the trace context of the headers where it has none of its own. A message without `_meta`
/// stays as it is, and so does everything when a header is not well-formed or too long: traces are never worth a request.
pub(super) fn carry(headers: &HeaderMap, message: Message) -> Message {
    if [TRACEPARENT, BAGGAGE].iter().any(|name| headers.contains_key(*name)) {
        with_context(headers, &message).unwrap_or(message)
    } else {
        message
    }
}

fn with_context(headers: &HeaderMap, message: &Message) -> Option<Message> {
    let mut whole = Object::parse(std::str::from_utf8(message.raw()).ok()?)?;
    let text = whole.get("params")?.to_owned();
    let mut params = Object::parse(&text)?;
    let mut context = meta::of_params(&params);
    if context.is_empty() {
        return None;
    }
    let mut changed = false;
    // A state without its parent, or with another one, would be of another trace.
    if context.get(TRACEPARENT).is_none()
        && context.get(TRACESTATE).is_none()
        && let Some(parent) = one(headers, TRACEPARENT)
    {
        context.set_string(TRACEPARENT, &parent);
        if let Some(state) = list(headers, TRACESTATE, MAX_TRACESTATE) {
            context.set_string(TRACESTATE, &state);
        }
        changed = true;
    }
    if context.get(BAGGAGE).is_none()
        && let Some(baggage) = list(headers, BAGGAGE, MAX_BAGGAGE)
    {
        context.set_string(BAGGAGE, &baggage);
        changed = true;
    }
    if !changed {
        return None;
    }
    let context = context.to_json();
    params.set("_meta", context);
    whole.set("params", params.to_json());
    Message::parse(whole.to_json().into()).ok()
}

/// A header that can be there once.
fn one(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    let fits = !value.is_empty() && value.len() <= MAX_TRACEPARENT && value.bytes().all(|byte| byte.is_ascii_graphic());
    (values.next().is_none() && fits).then(|| value.to_owned())
}

/// A header whose values make one list (RFC 9110, section 5.3).
fn list(headers: &HeaderMap, name: &'static str, limit: usize) -> Option<String> {
    let values: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|value| value.to_str()).collect();
    let joined = values.ok()?.join(",");
    (!joined.is_empty() && joined.len() <= limit).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::{Value, json};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    /// `_meta` after the headers were carried into a message with this one.
    fn carried(context: &Value, sent: &[(&'static str, &str)]) -> Value {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let text =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x", "_meta": context } });
        let message = carry(&headers, Message::parse(text.to_string().into()).unwrap());
        let whole: Value = serde_json::from_slice(message.raw()).unwrap();
        assert_eq!(whole.pointer("/params/name"), Some(&json!("x")));
        whole.pointer("/params/_meta").cloned().unwrap()
    }

    #[test]
    fn headers_become_members() {
        let sent = [(TRACEPARENT, PARENT), (TRACESTATE, "a=1"), (TRACESTATE, "b=2"), (BAGGAGE, "user=x; k=v")];
        let expected = json!({ "k": 1, "traceparent": PARENT, "tracestate": "a=1,b=2", "baggage": "user=x; k=v" });
        assert_eq!(carried(&json!({ "k": 1 }), &sent), expected);
    }

    #[test]
    fn what_the_body_says_stays() {
        let own = json!({ "traceparent": "00-own" });
        assert_eq!(carried(&own, &[(TRACEPARENT, PARENT), (TRACESTATE, "a=1")]), own);
        let with_baggage = json!({ "traceparent": "00-own", "baggage": "a=1" });
        assert_eq!(carried(&own, &[(TRACEPARENT, PARENT), (BAGGAGE, "a=1")]), with_baggage);
    }

    #[test]
    fn what_is_not_well_formed_is_left_out() {
        let none = json!({ "k": 1 });
        for sent in [
            &[(TRACEPARENT, "00 own")][..],
            &[(TRACEPARENT, "")],
            &[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)],
            &[(TRACESTATE, "a=1")],
            &[(TRACEPARENT, "é")],
            &[(TRACEPARENT, &"x".repeat(MAX_TRACEPARENT + 1))],
            &[(BAGGAGE, &"x".repeat(MAX_BAGGAGE + 1))],
        ] {
            assert_eq!(carried(&none, sent), none, "{sent:?}");
        }
    }

    #[test]
    fn a_message_without_meta_is_not_touched() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(PARENT));
        for text in [
            r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[{"_meta":{"k":1}}]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":5}}"#,
        ] {
            let message = carry(&headers, Message::parse(text.into()).unwrap());
            assert_eq!(message.raw(), text.as_bytes());
        }
    }
}
