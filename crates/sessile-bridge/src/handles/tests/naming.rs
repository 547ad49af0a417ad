//! Names that collide with nothing.

use super::super::{HandleNames, add_to_list};
use super::{names_of, page, take};

/// The argument and its header in a tool with this input schema.
fn chosen(schema: &str) -> (String, String) {
    let names = names_of(schema);
    (names.property("t0").unwrap().to_owned(), names.header("t0").unwrap().to_owned())
}

#[test]
fn a_property_of_the_tool_keeps_its_name() {
    assert_eq!(chosen(r#"{"properties":{"sessions":{}}}"#).0, "session");
    assert_eq!(chosen(r#"{"properties":{"session":{"type":"string"}}}"#).0, "session_handle");
    assert_eq!(chosen(r#"{"properties":{"session":{"type":"integer"}}}"#).0, "session_handle");
    assert_eq!(chosen(r#"{"properties":{"session":1,"session_handle":{}}}"#).0, "session_handle_2");
    let names = names_of(r#"{"properties":{"session":{}}}"#);
    let params = r#"{"name":"t0","arguments":{"session":"its own","session_handle":"h-1"}}"#;
    let server_sees = r#"{"name":"t0","arguments":{"session":"its own"}}"#.to_owned();
    assert_eq!(take(&names, params), Ok((server_sees, Some("h-1".to_owned()))));
}

#[test]
fn a_property_that_the_root_only_applies_counts_as_the_tools() {
    for schema in [
        r##"{"$ref":"#/$defs/A","$defs":{"A":{"properties":{"session":{}}}}}"##,
        r#"{"allOf":[{"properties":{"session":{}}}]}"#,
        r#"{"if":{"required":["session"]}}"#,
        r#"{"required":["session"]}"#,
        r#"{"dependentRequired":{"a":["session"]}}"#,
        r#"{"dependentSchemas":{"session":{}}}"#,
    ] {
        assert_eq!(chosen(schema).0, "session_handle", "{schema}");
    }
    let nested = r#"{"properties":{"browser":{"properties":{"session":{}},"required":["session"]}}}"#;
    assert_eq!(chosen(nested).0, "session", "that is a property of another object");
}

#[test]
fn a_header_of_the_tool_keeps_its_name_in_any_case() {
    assert_eq!(chosen(r#"{"properties":{"a":{"x-mcp-header":"Region"}}}"#).1, "Session");
    assert_eq!(chosen(r#"{"properties":{"a":{"x-mcp-header":"sESSION"}}}"#).1, "Session-Handle");
    let nested =
        r#"{"properties":{"a":{"properties":{"b":{"x-mcp-header":"session"},"c":{"x-mcp-header":"SESSION-HANDLE"}}}}}"#;
    assert_eq!(chosen(nested).1, "Session-Handle-2");
    let misplaced =
        r#"{"properties":{"a":{"items":{"x-mcp-header":"Session"}},"b":{"x-mcp-header":""},"x-mcp-header":{}}}"#;
    assert_eq!(chosen(misplaced), ("session".to_owned(), "Session-Handle".to_owned()));
    let list = page(&[misplaced]);
    let added = add_to_list(&HandleNames::choose(&[&list]), &list).unwrap();
    assert!(added.contains(r#""a":{"items":{"x-mcp-header":"Session"}},"b":{"x-mcp-header":""},"x-mcp-header":{},"#));
}

#[test]
fn the_two_tools_make_way_together() {
    let tools = |names: &[&str]| {
        let tools: Vec<String> =
            names.iter().map(|name| format!(r#"{{"name":"{name}","inputSchema":{{}}}}"#)).collect();
        let names = HandleNames::choose(&[&format!(r#"{{"tools":[{}]}}"#, tools.join(","))]);
        (names.open_tool().to_owned(), names.close_tool().to_owned())
    };
    let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
    assert_eq!(tools(&["run"]), pair("open_session", "close_session"));
    assert_eq!(tools(&["open_session"]), pair("open_session_handle", "close_session_handle"));
    assert_eq!(
        tools(&["close_session", "open_session_handle"]),
        pair("open_session_handle_2", "close_session_handle_2")
    );
}

#[test]
fn two_tools_of_one_name_count_as_one() {
    let tool = |schema: &str| format!(r#"{{"tools":[{{"name":"t","inputSchema":{schema}}}]}}"#);
    let (one, other) = (tool(r#"{"properties":{"session":{}}}"#), tool("true"));
    for pages in [[&*one, &*other], [&*other, &*one]] {
        assert_eq!(HandleNames::choose(&pages).property("t"), Some("session_handle"));
    }
}

#[test]
fn the_words_for_models_say_that_names_differ() {
    let list = page(&["{}", r#"{"properties":{"session":{}}}"#]);
    let added = add_to_list(&HandleNames::choose(&[&list]), &list).unwrap();
    assert!(added.contains("in some tools `session_handle`"), "{added}");
}

#[test]
fn ten_thousand_tools_that_stand_in_the_way_are_no_burden() {
    let properties: Vec<String> = (2..20_000).map(|number| format!(r#""session_handle_{number}":{{}}"#)).collect();
    let crowded = format!(r#"{{"properties":{{"session":{{}},"session_handle":{{}},{}}}}}"#, properties.join(","));
    let mut tools: Vec<String> =
        (2..10_000).map(|number| format!(r#"{{"name":"open_session_handle_{number}","inputSchema":{{}}}}"#)).collect();
    tools.extend(["open_session", "close_session_handle"].map(|name| format!(r#"{{"name":"{name}"}}"#)));
    tools.push(format!(r#"{{"name":"crowded","inputSchema":{crowded}}}"#));
    let list = format!(r#"{{"tools":[{}]}}"#, tools.join(","));
    let names = HandleNames::choose(&[&list]);
    assert_eq!(names.open_tool(), "open_session_handle_10000");
    assert_eq!(names.property("crowded"), Some("session_handle_20000"));
    let added = add_to_list(&names, &list).unwrap();
    assert_eq!(added.matches(r#""x-mcp-header":"Session""#).count(), 10_000);
}
