use super::*;
use serde_json::json;

fn type_of(schema: Value) -> String {
    let root = json!({
        "properties": { "it": schema },
        "$defs": { "Size": { "type": "integer", "description": "in pixels" }, "Loop": { "$ref": "#/$defs/Loop" } },
    });
    arguments(root.as_object().unwrap())[0].type_text()
}

#[test]
fn types_are_read_through_references_and_alternatives() {
    assert_eq!(type_of(json!({ "type": "integer" })), "integer");
    assert_eq!(type_of(json!({ "type": ["string", "null"] })), "string or null");
    assert_eq!(type_of(json!({ "$ref": "#/$defs/Size" })), "integer");
    assert_eq!(type_of(json!({ "anyOf": [{ "$ref": "#/$defs/Size" }, { "type": "null" }] })), "integer or null");
    assert_eq!(type_of(json!({ "type": "array", "items": { "type": "string" } })), "array of string");
    assert_eq!(type_of(json!({ "enum": ["a", 2] })), "\"a\" | 2");
    assert_eq!(type_of(json!({})), "any");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    assert_eq!(type_of(json!({ "$ref": "#/$defs/Loop" })), "any");
}

#[test]
fn a_schema_of_many_alternatives_of_itself_ends() {
    let root = json!({
        "properties": { "it": { "$ref": "#/$defs/Many" } },
        "$defs": { "Many": { "type": "string", "anyOf": vec![json!({ "$ref": "#/$defs/Many" }); 100] } },
    });
    assert_eq!(arguments(root.as_object().unwrap())[0].type_text(), "string");
}

#[test]
fn required_arguments_are_marked_also_when_not_described() {
    let root = json!({ "properties": { "a": {}, "b": {} }, "required": ["b", "c"] });
    let found: Vec<_> = arguments(root.as_object().unwrap()).iter().map(|a| (a.name, a.required)).collect();
    assert_eq!(found, [("a", false), ("b", true), ("c", true)]);
}

#[test]
fn the_description_may_stand_behind_the_reference() {
    let root = json!({
        "properties": { "size": { "$ref": "#/$defs/Size" } },
        "$defs": { "Size": { "description": "in\npixels" } },
    });
    assert_eq!(arguments(root.as_object().unwrap())[0].description().as_deref(), Some("in pixels"));
}
