use crate::client::ask::form::{Field, Form};
use serde_json::{Value, json};

fn field(schema: Value) -> Field {
    Form::from_schema(&json!({ "properties": { "it": schema } })).fields()[0].clone()
}

fn read(schema: Value, text: &str) -> Result<Value, String> {
    field(schema).read(text)
}

#[test]
fn text_keeps_to_its_length() {
    let schema = json!({ "type": "string", "minLength": 2, "maxLength": 3 });
    assert_eq!(read(schema.clone(), "äöü"), Ok(json!("äöü")));
    assert_eq!(read(schema.clone(), "a"), Err("at least 2 characters, not 1".into()));
    assert_eq!(read(schema, "abcd"), Err("at most 3 characters, not 4".into()));
}

#[test]
fn text_keeps_to_its_format() {
    let fits = |format: &str, text: &str| read(json!({ "type": "string", "format": format }), text).is_ok();
    assert!(fits("email", "ada@example.com") && !fits("email", "ada@") && !fits("email", "a b@c"));
    assert!(fits("uri", "https://example.com/x") && !fits("uri", "example"));
    assert!(fits("date", "2024-02-29") && !fits("date", "2024-13-01") && !fits("date", "24-1-1"));
    assert!(fits("date-time", "2026-11-21T09:30:00Z") && fits("date-time", "2026-11-21t09:30:00.5+05:30"));
    assert!(!fits("date-time", "2026-11-21 09:30") && !fits("date-time", "2026-11-21T09:30:00+25:00"));
    assert!(fits("of-tomorrow", "anything"), "a format not known here is not checked");
}

#[test]
fn numbers_keep_to_their_bounds() {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 10 });
    assert_eq!(read(schema.clone(), " 7 "), Ok(json!(7)));
    assert_eq!(read(schema.clone(), "0"), Err("0 is below 1".into()));
    assert_eq!(read(schema.clone(), "11"), Err("11 is above 10".into()));
    assert_eq!(read(schema.clone(), "1.5"), Err("\"1.5\" is not a whole number".into()));
    assert_eq!(read(schema, "many"), Err("\"many\" is not a whole number".into()));
    assert_eq!(read(json!({ "type": "number" }), "1.5"), Ok(json!(1.5)));
}

#[test]
fn yes_and_no_in_their_usual_spellings() {
    let boolean = || json!({ "type": "boolean" });
    assert_eq!(read(boolean(), "Y"), Ok(json!(true)));
    assert_eq!(read(boolean(), "false"), Ok(json!(false)));
    assert!(read(boolean(), "maybe").is_err());
}

#[test]
fn a_choice_by_value_label_or_number_in_every_spelling_of_the_schema() {
    let titled =
        json!({ "type": "string", "oneOf": [{ "const": "r", "title": "Red" }, { "const": "g", "title": "Green" }] });
    let plain = json!({ "type": "string", "enum": ["r", "g"] });
    let named = json!({ "type": "string", "enum": ["r", "g"], "enumNames": ["Red", "Green"] });
    assert_eq!(read(titled.clone(), "g"), Ok(json!("g")));
    assert_eq!(read(titled, "green"), Ok(json!("g")));
    assert_eq!(read(plain.clone(), "2"), Ok(json!("g")));
    assert_eq!(read(named, "Red"), Ok(json!("r")));
    assert_eq!(read(plain, "b"), Err("\"b\" is none of r, g".into()));
}

#[test]
fn a_value_wins_over_a_number_in_the_list() {
    assert_eq!(read(json!({ "type": "string", "enum": ["2", "1"] }), "1"), Ok(json!("1")));
}

#[test]
fn several_choices_with_commas_or_as_json() {
    let schema = json!({ "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "enum": ["a", "b", "c"] } });
    assert_eq!(read(schema.clone(), "a, 3"), Ok(json!(["a", "c"])));
    assert_eq!(read(schema.clone(), "[\"b\"]"), Ok(json!(["b"])));
    assert_eq!(read(schema.clone(), "a,a"), Ok(json!(["a"])));
    assert_eq!(read(schema.clone(), "a,b,c"), Err("at most 2 of them, not 3".into()));
    assert_eq!(read(schema.clone(), ","), Err("at least 1 of them, not 0".into()));
    assert!(read(schema, "d").is_err());
    let titled = json!({ "type": "array", "items": { "anyOf": [{ "const": "x", "title": "Ex" }] } });
    assert_eq!(read(titled, "ex"), Ok(json!(["x"])));
}
