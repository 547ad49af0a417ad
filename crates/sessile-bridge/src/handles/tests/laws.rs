//! What holds for every tool list and every call.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::super::{HandleNames, add_to_list, take_handle};
use super::call;

/// Words that schemas are made of, and those that handles might collide with.
const WORDS: &[&str] = &[
    "properties",
    "required",
    "allOf",
    "$defs",
    "$ref",
    "items",
    "type",
    "additionalProperties",
    "dependentRequired",
    "x-mcp-header",
    "session",
    "session_handle",
    "session_handle_2",
    "Session",
    "a",
    "é\"\\",
];

const TOOLS: &[&str] =
    &["open_session", "close_session", "open_session_handle", "close_session_handle_2", "t", "u", ""];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
        select(vec!["SESSION", "session-handle", "Session-Handle-2"]).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((select(WORDS), inner), 0..5).prop_map(object),
        ]
    })
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn tool() -> impl Strategy<Value = Value> {
    let described = (select(TOOLS), value(), value())
        .prop_map(|(name, schema, output)| json!({ "name": name, "inputSchema": schema, "outputSchema": output }));
    prop_oneof![8 => described, 1 => value()]
}

fn list() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(tool(), 0..6)
}

fn page(tools: &[Value]) -> String {
    json!({ "tools": tools, "ttlMs": 1 }).to_string()
}

/// Every string that stands at an `x-mcp-header`, in lower case.
fn headers(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(header) if name == "x-mcp-header" => vec![header.to_lowercase()],
                _ => headers(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(headers).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn without_what_was_added_a_list_is_what_it_was(tools in list()) {
        let page = page(&tools);
        let names = HandleNames::choose(&[&page]);
        let mut list: Value = serde_json::from_str(&add_to_list(&names, &page).unwrap()).unwrap();
        let listed = list["tools"].as_array_mut().unwrap();
        let (close, open) = (listed.pop().unwrap(), listed.pop().unwrap());
        prop_assert_eq!((open["name"].as_str(), close["name"].as_str()), (Some(names.open_tool()), Some(names.close_tool())));
        let mut added_to = HashSet::new();
        for (tool, original) in listed.iter_mut().zip(&tools) {
            let Some(name) = original["name"].as_str().map(str::to_owned) else { continue };
            prop_assert!(name != names.open_tool() && name != names.close_tool());
            let Some(property) = names.property(&name).filter(|_| tool != original) else { continue };
            added_to.insert(name.clone());
            let header = names.header(&name).unwrap().to_lowercase();
            prop_assert_eq!(headers(&tool["inputSchema"]).iter().filter(|other| **other == header).count(), 1);
            let properties = tool["inputSchema"]["properties"].as_object_mut().unwrap();
            let added = properties.shift_remove(property).unwrap();
            prop_assert_eq!(&added["type"], "string");
            if properties.is_empty() && original["inputSchema"].get("properties").is_none() {
                tool["inputSchema"].as_object_mut().unwrap().shift_remove("properties");
            }
        }
        prop_assert_eq!(list["tools"].as_array().unwrap(), &tools);
        for original in &tools {
            let Some(name) = original["name"].as_str() else { continue };
            prop_assert_eq!(names.property(name).is_some(), added_to.contains(name));
        }
    }

    #[test]
    fn names_follow_from_the_tools_and_not_from_their_order(
        (tools, shuffled) in list().prop_flat_map(|tools| (Just(tools.clone()), Just(tools).prop_shuffle())),
        at in 0_usize..7,
    ) {
        let (first, rest) = shuffled.split_at(at.min(shuffled.len()));
        prop_assert_eq!(HandleNames::choose(&[&page(&tools)]), HandleNames::choose(&[&page(rest), &page(first)]));
    }

    #[test]
    fn a_call_with_a_handle_taken_out_is_the_call_before(
        tools in list(),
        arguments in prop::collection::vec((select(WORDS), value()), 0..5),
        handle in ".*",
        at in any::<prop::sample::Index>(),
    ) {
        let names = HandleNames::choose(&[&page(&tools)]);
        let called = tools.iter().filter_map(|tool| tool["name"].as_str()).chain(["unlisted"]).collect::<Vec<_>>();
        let name = called[at.index(called.len())];
        let mut before = object(arguments);
        let property = names.property(name).unwrap_or("session");
        if names.property(name).is_some() {
            before.as_object_mut().unwrap().shift_remove(property);
        }
        let mut with = before.clone();
        with[property] = Value::from(handle.clone());
        let params = |arguments: &Value| json!({ "name": name, "arguments": arguments, "_meta": {} }).to_string();
        let taken = take_handle(&names, &call(&params(&with))).unwrap();
        let (server_sees, expected) = match names.property(name) {
            Some(_) => (params(&before), Some(handle)),
            None => (params(&with), None),
        };
        prop_assert_eq!(taken.handle, expected);
        let server_sees = call(&server_sees);
        prop_assert_eq!(taken.request.raw(), server_sees.raw());
    }

    #[test]
    fn the_server_never_sees_the_argument(
        arguments in value(),
        handle in value(),
        doubled in any::<bool>(),
    ) {
        let names = HandleNames::choose(&[r#"{"tools":[{"name":"t","inputSchema":{}}]}"#]);
        let arguments = match arguments {
            Value::Object(members) => {
                let members: Map<String, Value> = members.into_iter().filter(|(name, _)| name != "session").collect();
                let double = if doubled { r#""session":"first","# } else { "" };
                let rest: String =
                    members.iter().map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str()))).collect();
                format!(r#"{{{double}"session":{handle}{rest}}}"#)
            }
            other => other.to_string(),
        };
        match take_handle(&names, &call(&format!(r#"{{"name":"t","arguments":{arguments}}}"#))) {
            Ok(taken) => {
                let params: Value = serde_json::from_str(taken.request.params().unwrap()).unwrap();
                prop_assert!(params["arguments"].get("session").is_none());
                prop_assert_eq!(taken.handle.as_deref(), handle.as_str().filter(|_| arguments.starts_with('{')));
            }
            Err(_) => prop_assert!(!handle.is_string() && !handle.is_null()),
        }
    }

    #[test]
    fn no_text_is_too_odd(text in ".*", tool in ".*") {
        let names = HandleNames::choose(&[&text, &format!(r#"{{"tools":[{tool}]}}"#)]);
        let _ = add_to_list(&names, &text);
        let _ = take_handle(&names, &call(&json!({ "name": tool, "arguments": { "session": text } }).to_string()));
    }
}
