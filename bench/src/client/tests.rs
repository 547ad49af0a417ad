use super::{CallTemplate, Fault, Faults, IdStyle, Message, SseReader, message, read};

fn events(pieces: &[&[u8]]) -> Vec<String> {
    let mut reader = SseReader::default();
    let mut events = Vec::new();
    for piece in pieces {
        reader.feed(piece, |data| events.push(String::from_utf8(data.to_vec()).unwrap()));
    }
    events
}

#[test]
fn events_are_the_same_however_the_bytes_are_cut() {
    let stream = b"id: 1\ndata: \n\n: keep-alive\n\nevent: message\r\ndata: {\"a\":1}\r\ndata:{}\r\n\r\ndata: two\r\r";
    let whole = events(&[stream]);
    assert_eq!(whole, ["{\"a\":1}\n{}", "two"]);
    for cut in 0..stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(events(&[left, right]), whole, "cut at {cut}");
    }
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(events(&single), whole);
}

#[test]
fn an_event_without_its_empty_line_is_not_complete() {
    assert!(events(&[b"data: {}\n"]).is_empty());
}

#[test]
fn a_field_that_only_begins_like_data_is_not_data() {
    assert!(events(&[b"database: x\n\n"]).is_empty());
    assert_eq!(events(&[b"data\ndata:x\n\n"]), ["\nx"]);
}

#[test]
fn a_call_is_json_with_its_id_in_either_style() {
    for (ids, id) in [(IdStyle::Number, serde_json::json!(7)), (IdStyle::Text, serde_json::json!("7"))] {
        let call = CallTemplate::new("in\"c", r#"{"by": 2}"#, ids).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&call.body(&ids.write(7))).unwrap();
        assert_eq!(body["id"], id);
        assert_eq!(body["method"], "tools/call");
        assert_eq!(body["params"], serde_json::json!({"name": "in\"c", "arguments": {"by": 2}}));
    }
    assert!(CallTemplate::new("a", "[]", IdStyle::Number).is_err());
}

fn verdict(text: &str) -> Result<Option<()>, Fault> {
    match read(text.as_bytes(), "7")? {
        Message::Other => Ok(None),
        Message::Result(result) => message::check_tool_result(result).map(Some),
    }
}

#[test]
fn only_the_right_result_counts_as_an_answer() {
    let right = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"1"}]}}"#;
    assert!(matches!(verdict(right), Ok(Some(()))));
    assert!(matches!(verdict(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#), Ok(None)));
    assert!(matches!(verdict(r#"{"jsonrpc":"2.0","id":7,"method":"roots/list"}"#), Ok(None)));

    let wrong = [
        (r#"{"jsonrpc":"2.0","id":8,"result":{"content":[]}}"#, "wrong_id"),
        (r#"{"jsonrpc":"2.0","id":"7","result":{"content":[]}}"#, "wrong_id"),
        (r#"{"jsonrpc":"2.0","result":{"content":[]}}"#, "wrong_id"),
        (r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"no"}}"#, "refused"),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#, "tool_failed"),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, "malformed"),
        (r#"{"jsonrpc":"2.0","id":7}"#, "malformed"),
        ("<html>", "malformed"),
        ("", "malformed"),
    ];
    for (text, kind) in wrong {
        assert_eq!(verdict(text).expect_err(text).kind(), kind, "{text}");
    }
}

#[test]
fn faults_keep_their_kinds_and_the_first_text() {
    let mut faults = Faults::default();
    faults.add(&Fault::Unanswered);
    let mut more = Faults::default();
    more.add(&Fault::Refused("full".to_owned()));
    more.add(&Fault::Unanswered);
    faults.merge(&more);
    assert_eq!(faults.total(), 3);
    assert_eq!(faults.by_kind["unanswered"], 2);
    assert_eq!(faults.first.as_deref(), Some("ended before the answer"));
}
