use super::*;
use serde_json::json;

#[test]
fn a_task_is_looked_at_as_often_as_the_server_says_and_never_in_a_rush() {
    let interval = |said: Value| interval_of(&json!({ "pollIntervalMs": said }));
    assert_eq!(interval(json!(5000)), Duration::from_secs(5));
    assert_eq!(interval(json!(0)), SHORTEST_INTERVAL);
    assert_eq!(interval(json!(-1)), USUAL_INTERVAL);
    assert_eq!(interval_of(&json!({})), USUAL_INTERVAL);
}

#[test]
fn what_the_server_says_about_a_task_is_one_safe_line() {
    assert_eq!(why(&json!({ "statusMessage": "copying\n\x1b[2J" })), ": copying \\x1b[2J");
    assert_eq!(why(&json!({})), "");
}
