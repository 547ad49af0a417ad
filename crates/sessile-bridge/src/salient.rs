//! What makes two requests the same request.

use sessile_protocol::{Message, Object, canonical};

/// What a request asks for: its parameters without `_meta`, `inputResponses` and `requestState`, in their canonical
/// spelling. A retry must ask for the same (2026-07-28, basic/patterns/mrtr, "Server Requirements").
pub fn salient(request: &Message) -> String {
    let mut params = request.params().and_then(Object::parse).unwrap_or_default();
    params.retain(|name| !matches!(name, "_meta" | "inputResponses" | "requestState"));
    canonical(&params.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(params: &str) -> String {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        salient(&Message::parse(text.into()).unwrap())
    }

    #[test]
    fn a_retry_asks_for_the_same() {
        let first = of(r#"{"name":"ask","arguments":{"a":1,"b":[2]},"_meta":{"progressToken":1}}"#);
        let retry = of(
            r#"{"requestState":"x","inputResponses":{}, "arguments":{"b":[2],"a":1},"name":"ask","_meta":{"progressToken":2}}"#,
        );
        assert_eq!(first, retry);
    }

    #[test]
    fn other_arguments_are_another_request() {
        let first = of(r#"{"name":"ask","arguments":{"a":1}}"#);
        for other in [
            r#"{"name":"ask","arguments":{"a":2}}"#,
            r#"{"name":"tell","arguments":{"a":1}}"#,
            r#"{"name":"ask","arguments":{"a":1},"task":{}}"#,
            r#"{"name":"ask"}"#,
        ] {
            assert_ne!(first, of(other), "{other}");
        }
    }

    #[test]
    fn numbers_that_no_type_holds_are_told_apart() {
        for (one, other) in [("1e400", "2e400"), ("12345678901234567890123", "12345678901234567890124")] {
            let first = of(&format!(r#"{{"name":"pay","arguments":{{"a":{one},"to":"ada"}}}}"#));
            let second = of(&format!(r#"{{"name":"pay","arguments":{{"a":{other},"to":"ada"}}}}"#));
            assert_ne!(first, second, "{one} {other}");
            assert!(first.contains("ada"), "{first}");
        }
    }
}
