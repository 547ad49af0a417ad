use proptest::prelude::*;
use serde_json::Value;

use super::canonical;

#[test]
fn order_spacing_and_escapes_do_not_matter_and_numbers_do() {
    let text = "{ \"b\" : [ 1 , {\"y\":2,\"x\":\"a, b\\\" }\"} ],\n\t\"a\":{ },\"c\":\"\\\\\" }";
    assert_eq!(canonical(text), r#"{"a":{},"b":[1,{"x":"a, b\" }","y":2}],"c":"\\"}"#);
    assert_eq!(canonical(r#"{"\u0061":"\u0078\/\u00e9\n"}"#), r#"{"a":"x/é\n"}"#);
    assert_ne!(canonical("1.0"), canonical("1"));
    assert_ne!(canonical("12345678901234567890123"), canonical("12345678901234567890124"));
    assert_ne!(canonical("[1e400]"), canonical("[2e400]"));
}

#[test]
fn what_is_there_twice_is_not_lost() {
    assert_ne!(canonical(r#"{"a":1,"a":2}"#), canonical(r#"{"a":2,"a":1}"#));
    assert_ne!(canonical(r#"{"a":1,"a":2}"#), canonical(r#"{"a":2}"#));
}

#[test]
fn deep_and_long_texts_take_reasonable_time() {
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert!(canonical(&deep).len() >= deep.len());
    let long = format!("[{}1]", "{\"b\":{\"a\":[1,2]}},".repeat(1 << 16));
    assert_eq!(canonical(&long), long);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_is_the_same_value(value in value()) {
        let text = canonical(&value.to_string());
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &serde_json::from_str::<Value>(&value.to_string()).unwrap());
        prop_assert_eq!(&canonical(&serde_json::to_string_pretty(&value).unwrap()), &text);
        prop_assert_eq!(&canonical(&text), &text);
    }

    #[test]
    fn nothing_breaks_it(text in "[\\[\\]{}:,\" \\\\a1é]{0,40}") {
        canonical(&text);
    }
}
