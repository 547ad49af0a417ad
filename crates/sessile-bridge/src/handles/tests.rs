//! Handles in the lists, calls and answers of one server.

mod laws;
mod naming;

use std::time::Duration;

use serde_json::{Value, json};
use sessile_protocol::Message;

use super::{HandleNames, HandleProblem, Taken, add_to_list, answer, take_handle};

/// A page with one tool for each input schema: `t0`, `t1` and so on.
fn page(schemas: &[&str]) -> String {
    let tool = |(index, schema): (usize, &&str)| format!(r#"{{"name":"t{index}","inputSchema":{schema}}}"#);
    let tools: Vec<String> = schemas.iter().enumerate().map(tool).collect();
    format!(r#"{{"tools":[{}]}}"#, tools.join(","))
}

/// A call, given its parameters.
fn call(params: &str) -> Message {
    Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#).into()).unwrap()
}

fn take(names: &HandleNames, params: &str) -> Result<(String, Option<String>), HandleProblem> {
    take_handle(names, &call(params)).map(|Taken { request, handle }| (request.params().unwrap().to_owned(), handle))
}

fn names_of(schema: &str) -> HandleNames {
    HandleNames::choose(&[&page(&[schema])])
}

const ARGUMENT: &str = r#"{"type":"string","description":"Handle of the session to use, as `open_session` returned it. Calls with the same handle share their state.","x-mcp-header":"Session"}"#;

/// The first tool of the list, with the argument for the handle.
fn first_with_argument(schema: &str) -> String {
    let page = page(&[schema]);
    let list = add_to_list(&HandleNames::choose(&[&page]), &page).unwrap();
    let (first, _) = list.split_once(r#",{"name":"open_session""#).unwrap();
    first.replace(ARGUMENT, "ARGUMENT")
}

#[test]
fn every_tool_gets_the_argument_and_keeps_its_spelling() {
    let schema = r#"{"type":"object","properties":{"a":{"maximum":1.50}, "b":{}},"required":["a"],"additionalProperties":false}"#;
    assert_eq!(
        first_with_argument(schema),
        r#"{"tools":[{"name":"t0","inputSchema":{"type":"object","properties":{"a":{"maximum":1.50},"b":{},"session":ARGUMENT},"required":["a"],"additionalProperties":false}}"#
    );
    assert_eq!(
        first_with_argument(r#"{"type":"object"}"#),
        r#"{"tools":[{"name":"t0","inputSchema":{"type":"object","properties":{"session":ARGUMENT}}}"#
    );
    assert_eq!(
        first_with_argument(r##"{"$ref":"#/$defs/A","$defs":{"A":{"properties":{"x":{}}}}}"##),
        r##"{"tools":[{"name":"t0","inputSchema":{"$ref":"#/$defs/A","$defs":{"A":{"properties":{"x":{}}}},"properties":{"session":ARGUMENT}}}"##
    );
}

#[test]
fn a_schema_that_cannot_take_a_property_is_left_alone() {
    let odd = ["true", "false", "null", "[]", "7", "\"object\"", r#"{"properties":null}"#, r#"{"properties":["a"]}"#];
    for schema in odd {
        let unchanged = format!(r#"{{"tools":[{{"name":"t0","inputSchema":{schema}}}"#);
        assert_eq!(first_with_argument(schema), unchanged);
        let names = names_of(schema);
        assert_eq!(names.property("t0"), None, "{schema}");
        let arguments = r#"{"name":"t0","arguments":{"session":"mine"}}"#;
        assert_eq!(take(&names, arguments), Ok((arguments.to_owned(), None)), "{schema}");
    }
}

#[test]
fn tools_that_are_none_stay_in_the_list() {
    let result = r#"{"tools":[7,{"name":5},{"inputSchema":{}},{"name":"bare"}],"nextCursor":"x"}"#;
    assert_eq!(add_to_list(&HandleNames::choose(&[result]), result).unwrap(), result);
    for no_list in ["{}", "[]", "", r#"{"tools":{}}"#, r#"{"tools":[}"#] {
        assert_eq!(add_to_list(&HandleNames::choose(&[no_list]), no_list), None, "{no_list}");
    }
}

#[test]
fn the_two_tools_stand_at_the_end_of_the_last_page() {
    let names = HandleNames::choose(&[]);
    for cursor in [r#""""#, r#""2""#] {
        let result = format!(r#"{{"tools":[],"nextCursor":{cursor}}}"#);
        assert_eq!(add_to_list(&names, &result).unwrap(), result, "more pages follow");
    }
    for last in [r#"{"tools":[],"nextCursor":null,"ttlMs":5}"#, r#"{"tools":[],"ttlMs":5}"#] {
        let list: Value = serde_json::from_str(&add_to_list(&names, last).unwrap()).unwrap();
        assert_eq!(list["ttlMs"], 5);
        let [open, close] = list["tools"].as_array().unwrap().as_slice() else { panic!("{list}") };
        assert_eq!(open["name"], "open_session");
        assert_eq!(open["outputSchema"]["required"], json!(["handle"]));
        assert_eq!(open["annotations"]["destructiveHint"], false);
        assert_eq!(close["name"], "close_session");
        assert_eq!(close["inputSchema"]["properties"]["session"]["x-mcp-header"], "Session");
        assert_eq!(close["inputSchema"]["required"], json!(["session"]));
        assert_eq!(
            (&close["annotations"]["destructiveHint"], &close["annotations"]["idempotentHint"]),
            (&json!(true), &json!(true))
        );
    }
}

#[test]
fn names_of_another_list_never_replace_a_property() {
    let names = names_of("{}");
    let newer = page(&[r#"{"properties":{"session":{"type":"integer"}}}"#]);
    let list = add_to_list(&names, &newer).unwrap();
    assert!(list.contains(r#"{"properties":{"session":{"type":"integer"}}}"#), "{list}");
}

#[test]
fn the_server_gets_the_call_without_the_handle() {
    let names = names_of("{}");
    let with = r#"{"name":"t0","arguments":{"x":1.50,"session":"h-1","y":"\u00e9"},"_meta":{"progressToken":7}}"#;
    let without = r#"{"name":"t0","arguments":{"x":1.50,"y":"\u00e9"},"_meta":{"progressToken":7}}"#;
    assert_eq!(take(&names, with), Ok((without.to_owned(), Some("h-1".to_owned()))));
    let alone = r#"{"name":"t0","arguments":{"session":"h-1"}}"#;
    let empty = r#"{"name":"t0","arguments":{}}"#;
    assert_eq!(take(&names, alone), Ok((empty.to_owned(), Some("h-1".to_owned()))));
    let null = r#"{"name":"t0","arguments":{"session":null}}"#;
    assert_eq!(take(&names, null), Ok((empty.to_owned(), None)));
}

#[test]
fn a_call_without_a_handle_is_not_touched() {
    let names = names_of("{}");
    for params in [
        r#"{ "name" : "t0" }"#,
        r#"{"name":"t0","arguments":{ }}"#,
        r#"{"name":"t0","arguments":null}"#,
        r#"{"name":"t0","arguments":["session"]}"#,
        r#"{"name":"t0","arguments":{"x":{"session":"inside"}}}"#,
        r#"{"name":"other","arguments":{"session":"its own"}}"#,
        r#"{"arguments":{"session":"x"}}"#,
        r#"["t0"]"#,
    ] {
        let request = call(params);
        let taken = take_handle(&names, &request).unwrap();
        assert_eq!((taken.request.raw(), taken.handle), (request.raw(), None));
    }
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"t0","arguments":{"session":"x"}}}"#;
    let other = Message::parse(other.into()).unwrap();
    assert_eq!(take_handle(&names, &other).unwrap().request.raw(), other.raw());
}

#[test]
fn a_handle_that_is_no_string_stops_the_call() {
    let names = names_of("{}");
    for value in ["7", "{}", "[]", "true", r#"["h-1"]"#, r#""\ud800""#] {
        let problem = take(&names, &format!(r#"{{"name":"t0","arguments":{{"session":{value}}}}}"#)).unwrap_err();
        assert!(matches!(problem, HandleProblem::NotAString { .. }), "{value}: {problem}");
        assert!(problem.to_result().contains("open_session"), "{problem}");
    }
}

#[test]
fn arguments_that_cannot_be_read_stop_the_call() {
    let names = names_of("{}");
    let params = r#"{"name":"t0","arguments":{"\ud800":1,"session":"h-1"}}"#;
    assert_eq!(take(&names, params), Err(HandleProblem::Unreadable));
}

#[test]
fn the_tool_that_closes_needs_a_handle() {
    let names = names_of("{}");
    for arguments in ["", r#","arguments":{}"#, r#","arguments":{"session":null}"#] {
        let problem = take(&names, &format!(r#"{{"name":"close_session"{arguments}}}"#)).unwrap_err();
        assert!(matches!(problem, HandleProblem::Missing { .. }), "{problem}");
    }
    let (_, handle) = take(&names, r#"{"name":"close_session","arguments":{"session":"h-1"}}"#).unwrap();
    assert_eq!(handle.as_deref(), Some("h-1"));
    let (_, handle) = take(&names, r#"{"name":"open_session","arguments":{"session":"h-1"}}"#).unwrap();
    assert_eq!(handle, None, "the tool that opens takes none");
}

#[test]
fn answers_tell_a_model_what_to_do() {
    let names = names_of("{}");
    let told = |result: &str| {
        let result: Value = serde_json::from_str(result).unwrap();
        (result["content"][0]["text"].as_str().unwrap().to_owned(), result["isError"] == true)
    };
    let opened = answer::opened(&names, "h-1", Duration::from_secs(900));
    assert_eq!(
        told(&opened),
        ("session h-1 is open; pass this handle in the argument `session`; it expires after 15 minutes without a call".to_owned(), false)
    );
    let opened: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened["structuredContent"], json!({ "handle": "h-1" }));
    assert_eq!(opened["content"][1]["text"], r#"{"handle":"h-1"}"#);
    assert_eq!(told(&answer::closed()), ("session is closed".to_owned(), false));
    let wrong = "session handle is wrong or has expired; call `open_session` and pass the handle it returns in the argument `session`";
    assert_eq!(told(&answer::wrong_handle(&names, "t0")), (wrong.to_owned(), true));
    assert!(told(&answer::nothing_to_close()).1);
}

#[test]
fn times_are_told_in_the_largest_whole_unit() {
    let names = names_of("{}");
    for (seconds, words) in
        [(0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (28_800, "8 hours")]
    {
        let opened = answer::opened(&names, "h", Duration::from_secs(seconds));
        assert!(opened.contains(&format!("after {words} without")), "{opened}");
    }
}
