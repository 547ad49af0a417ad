use proptest::prelude::*;
use serde_json::{Map, Value};

use super::Object;

#[test]
fn what_is_not_changed_keeps_its_spelling() {
    let text = r#"{"a":1.50,"b\u0065":"\u00e9","c":{"x":[1, 2]},"d":-0}"#;
    let mut object = Object::parse(text).unwrap();
    object.set("new", "true");
    assert_eq!(object.to_json(), r#"{"a":1.50,"be":"\u00e9","c":{"x":[1, 2]},"d":-0,"new":true}"#);
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let object = Object::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!(object.to_json(), r#"{"b":2,"a":3}"#);
}

#[test]
fn only_objects_are_objects() {
    for text in ["[]", "null", "1", "\"{}\"", "{", "{\"a\":}", "{} {}"] {
        assert_eq!(Object::parse(text), None, "{text}");
    }
}

#[test]
fn a_large_object_is_read_in_reasonable_time() {
    let members: Vec<String> = (0..200_000).map(|number| format!("\"m{number}\":{number}")).collect();
    let text = format!("{{{}}}", members.join(","));
    assert_eq!(Object::parse(&text).unwrap().to_json(), text);
}

proptest! {
    #[test]
    fn reading_and_writing_changes_nothing(names in prop::collection::btree_set(".{0,8}", 0..8), change in any::<u8>()) {
        let map: Map<String, Value> = names.iter().map(|name| (name.clone(), Value::from(name.len()))).collect();
        let text = Value::Object(map.clone()).to_string();
        let mut object = Object::parse(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&object.to_json()).unwrap(), Value::Object(map.clone()));
        if let Some(name) = names.iter().nth(usize::from(change) % names.len().max(1)) {
            object.remove(name);
            let mut expected = map;
            expected.remove(name);
            prop_assert_eq!(serde_json::from_str::<Value>(&object.to_json()).unwrap(), Value::Object(expected));
        }
    }
}
