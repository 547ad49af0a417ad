use super::*;
use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde_json::json;

#[test]
fn the_data_of_an_error_is_shown_line_by_line_without_its_escapes() {
    let data = json!({ "reason": "start_failed", "stderrTail": "one\n\x1b[2Jtwo\n", "empty": "", "exit": 3 });
    let error = ErrorData::new(ErrorCode(-32000), "did not start\x07", Some(data));
    assert_eq!(
        ClientError::rpc(&error).to_string(),
        "the server answered with error -32000: did not start\\x07\n  \
           reason: start_failed\n  \
           stderrTail:\n    one\n    \\x1b[2Jtwo\n  \
           exit: 3"
    );
}

#[test]
fn only_the_command_line_is_bad_usage() {
    assert!(ClientError::Usage(String::new()).is_usage());
    assert!(!ClientError::SessionEnded.is_usage());
}
