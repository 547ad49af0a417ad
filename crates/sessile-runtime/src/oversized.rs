//! A message over the limit is thrown away as it comes in. Its call must still be answered, so its id is
//! looked for in what was kept of its start and its end.

use sessile_protocol::error::{self as code, error_response};
use sessile_protocol::{ErrorObject, Message, RequestId};

/// The error answer for the call that an oversized message answered, if it was an answer and says to what.
///
/// Official SDKs write the id either right after `jsonrpc` at the start, or at the very end.
pub(crate) fn answer_for(head: &[u8], tail: &[u8], size: usize, limit: usize) -> Option<Message> {
    let id = id_at_start(head).or_else(|| id_at_end(tail))?;
    let message = format!("the server's answer has {size} bytes, over the limit of {limit} (`message`)");
    let data = serde_json::json!({ "reason": "message_too_large", "size": size, "limit": limit });
    let error = ErrorObject::new(code::SERVER_GONE, message).with_data(data);
    Message::parse(error_response(Some(&id), &error)).ok()
}

/// `{"jsonrpc":"2.0","id":5,"result":…`: the id comes before a result or an error, and no method does.
fn id_at_start(head: &[u8]) -> Option<RequestId> {
    let text = String::from_utf8_lossy(head);
    let at_body = ["\"result\"", "\"error\""].iter().filter_map(|key| text.find(key)).min()?;
    let before = text.get(..at_body)?;
    if before.contains("\"method\"") {
        return None;
    }
    let (_, after) = before.split_once("\"id\"")?;
    scalar(after.trim_start().strip_prefix(':')?)
}

/// `…,"id":5}` or `…,"jsonrpc":"2.0","id":5}`: the id is the last member.
fn id_at_end(tail: &[u8]) -> Option<RequestId> {
    let text = String::from_utf8_lossy(tail);
    let text = text.trim_end().strip_suffix('}')?;
    let text = match text.rsplit_once(",\"jsonrpc\"") {
        Some((before, version)) if version.trim_start_matches([':', ' ']) == "\"2.0\"" => before,
        _ => text,
    };
    let (_, id) = text.rsplit_once("\"id\"")?;
    let id = id.trim_start().strip_prefix(':')?.trim();
    RequestId::from_json(id)
}

/// The string or integer that `text` starts with.
fn scalar(text: &str) -> Option<RequestId> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    values.next()?.ok()?;
    let raw = text.get(..values.byte_offset())?.trim();
    RequestId::from_json(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(head: &str, tail: &str) -> Option<String> {
        let answer = answer_for(head.as_bytes(), tail.as_bytes(), 10, 5)?;
        let value: serde_json::Value = serde_json::from_slice(answer.raw()).unwrap();
        assert_eq!(value["error"]["data"]["reason"], "message_too_large");
        Some(value["id"].to_string())
    }

    #[test]
    fn the_id_is_found_at_either_end() {
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":5,"result":{"content":[{"te"#, "xxx"), Some("5".into()));
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":"a\"b","result":{"#, "x"), Some(r#""a\"b""#.into()));
        assert_eq!(id(r#"{"result":{"content":[{"#, r#"xx"}]},"jsonrpc":"2.0","id":7}"#), Some("7".into()));
        assert_eq!(id(r#"{"result":{"content":[{"#, r#"xx"}]},"id":8,"jsonrpc":"2.0"}"#), Some("8".into()));
    }

    #[test]
    fn a_request_or_a_notification_is_no_answer() {
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"result""#, "xx"), None);
        assert_eq!(id(r#"{"jsonrpc":"2.0","method":"notifications/message""#, r#"xx"}}"#), None);
    }
}
