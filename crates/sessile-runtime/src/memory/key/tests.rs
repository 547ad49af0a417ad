use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn client(capabilities: &str) -> ClientProfile {
    ClientProfile { info: None, capabilities: capabilities.to_owned() }
}

fn request(method: &str, params: Option<&str>) -> Message {
    let params = params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default();
    Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"{params}}}"#).into()).unwrap()
}

fn key(method: &str, params: Option<&str>, capabilities: &str) -> Option<ListKey> {
    ListKey::of(&request(method, params), &client(capabilities), "alice")
}

#[test]
fn only_lists_have_keys() {
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        assert!(key(method, None, "{}").is_some(), "{method}");
    }
    for method in ["tools/call", "resources/read", "server/discover", "tasks/list"] {
        assert!(key(method, None, "{}").is_none(), "{method}");
    }
    let notice = Message::parse(r#"{"jsonrpc":"2.0","method":"tools/list"}"#.into()).unwrap();
    assert_eq!(ListKey::of(&notice, &client("{}"), "anonymous"), None);
}

#[test]
fn resources_and_their_templates_are_two_questions_about_one_list() {
    let (resources, templates) = (key("resources/list", None, "{}"), key("resources/templates/list", None, "{}"));
    let (resources, templates) = (resources.unwrap(), templates.unwrap());
    assert_ne!(resources.asked, templates.asked);
    assert_eq!(resources.list, templates.list);
}

#[test]
fn another_cursor_is_another_question_and_other_meta_is_not() {
    let first = key("tools/list", Some(r#"{"_meta":{"progressToken":1}}"#), "{}");
    assert_eq!(first, key("tools/list", None, "{}"));
    assert_eq!(first, key("tools/list", Some(r#"{ "_meta" : {} }"#), "{}"));
    let second = key("tools/list", Some(r#"{"cursor":"2"}"#), "{}");
    assert_ne!(first, second);
    assert_ne!(second, key("tools/list", Some(r#"{"cursor":"3"}"#), "{}"));
    // As doubles these are the same.
    let big = |number: &str| key("tools/list", Some(&format!(r#"{{"cursor":{number}}}"#)), "{}").unwrap();
    assert_ne!(big("12345678901234567890123"), big("12345678901234567890124"));
}

#[test]
fn parts_do_not_run_into_each_other() {
    let one = key("tools/list", Some(r#"{"a":{}}"#), r#"{"b":{}}"#);
    assert_ne!(one, key("tools/list", Some(r#"{"b":{}}"#), r#"{"a":{}}"#));
    assert_ne!(one, key("tools/list", Some(r#"{"a":{},"b":{}}"#), "{}"));
}

#[test]
fn an_answer_to_a_question_of_the_server_and_what_is_too_long_have_no_key() {
    assert!(key("tools/list", Some(r#"{"requestState":"x"}"#), "{}").is_none());
    assert!(key("tools/list", Some(r#"{"inputResponses":{}}"#), "{}").is_none());
    let long = format!(r#"{{"cursor":"{}"}}"#, "x".repeat(LONGEST));
    assert!(key("tools/list", Some(&long), "{}").is_none());
    assert!(key("tools/list", None, &long).is_none());
    // What is left out does not count.
    assert!(key("tools/list", Some(&format!(r#"{{"_meta":{long}}}"#)), "{}").is_some());
}

#[test]
fn each_principal_has_keys_of_their_own() {
    let of = |name| ListKey::of(&request("tools/list", None), &client("{}"), name);
    let (alice, bob) = (of("alice").unwrap(), of("bob").unwrap());
    assert_eq!(alice.asked, bob.asked);
    assert_ne!(alice, bob);
}

fn capabilities() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\é]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same value with the members of every object the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let turned: Map<_, _> = members.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect();
            Value::Object(turned)
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_order_and_the_spacing_of_capabilities_do_not_matter(inner in capabilities()) {
        let value = json!({ "sampling": {}, "x": inner });
        let plain = key("tools/list", None, &value.to_string());
        prop_assert!(plain.is_some());
        prop_assert_eq!(&plain, &key("tools/list", None, &reversed(&value).to_string()));
        let spaced = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(&plain, &key("tools/list", None, &spaced));
    }

    #[test]
    fn other_capabilities_are_another_question(one in capabilities(), other in capabilities()) {
        let of = |value: &Value| key("tools/list", None, &json!({ "x": value }).to_string());
        prop_assert_eq!(one == other, of(&one) == of(&other));
    }
}
