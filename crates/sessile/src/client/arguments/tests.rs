use super::*;
use serde_json::json;
use std::io::Write;

fn tool() -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "properties": {
            "text": { "type": "string", "description": "what to say" },
            "times": { "type": "integer" },
            "loud": { "type": "boolean" },
            "ratio": { "type": ["number", "null"] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "sizes": { "type": "array", "items": { "type": "integer" } },
            "where": { "type": "object" },
            "color": { "enum": ["red", "green"] },
            "free": {},
        },
        "required": ["text"],
        "additionalProperties": false,
    });
    schema.as_object().unwrap().clone()
}

fn settle_with(schema: &Map<String, Value>, pairs: &[(&str, &str)], whole: Option<&str>) -> Result<Settled, String> {
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let given = Given::load(&pairs, whole, true).map_err(|error| error.to_string())?;
    settle("say", schema, given).map_err(|error| error.to_string())
}

/// The value that `--arg name=text` becomes.
fn value(name: &str, text: &str) -> Result<Value, String> {
    let settled = settle_with(&tool(), &[(name, text)], Some(r#"{"text": ""}"#))?;
    Ok(settled.arguments[name].clone())
}

#[test]
fn text_becomes_what_the_schema_asks_for() {
    assert_eq!(value("text", "12"), Ok(json!("12")));
    assert_eq!(value("times", "12"), Ok(json!(12)));
    assert_eq!(value("times", "18446744073709551615"), Ok(json!(u64::MAX)));
    assert_eq!(value("loud", "true"), Ok(json!(true)));
    assert_eq!(value("ratio", "0.5"), Ok(json!(0.5)));
    assert_eq!(value("ratio", "null"), Ok(json!(null)));
    assert_eq!(value("where", r#"{"x":1}"#), Ok(json!({ "x": 1 })));
    assert_eq!(value("color", "green"), Ok(json!("green")));
    assert_eq!(value("free", "7"), Ok(json!("7")));
}

#[test]
fn what_does_not_fit_is_named_with_what_would() {
    assert_eq!(value("times", "many"), Err(r#"argument times: "many" is not an integer"#.into()));
    assert_eq!(value("times", "1.5"), Err(r#"argument times: "1.5" is not an integer"#.into()));
    assert_eq!(value("loud", "yes"), Err(r#"argument loud: "yes" is not a boolean"#.into()));
    assert_eq!(value("color", "blue"), Err(r#"argument color: "blue" is none of "red" | "green""#.into()));
    assert_eq!(value("where", "[1]"), Err(r#"argument where: "[1]" is not an object"#.into()));
}

#[test]
fn arrays_come_as_json_or_piece_by_piece() {
    assert_eq!(value("sizes", "[1, 2]"), Ok(json!([1, 2])));
    assert_eq!(value("tags", "one"), Ok(json!(["one"])));
    let settled = settle_with(&tool(), &[("sizes", "1"), ("text", "x"), ("sizes", "2")], None).unwrap();
    assert_eq!(settled.arguments["sizes"], json!([1, 2]));
    let twice = settle_with(&tool(), &[("text", "a"), ("text", "b")], None);
    assert_eq!(twice, Err("argument text: given more than once, and it is no array".into()));
}

#[test]
fn missing_arguments_are_named_with_their_descriptions() {
    let error = settle_with(&tool(), &[], None).unwrap_err();
    assert_eq!(error, "say needs an argument:\n  --arg text=…  (string): what to say");
}

#[test]
fn a_misspelt_name_is_refused_where_the_schema_is_closed_and_noted_where_it_is_open() {
    let error = settle_with(&tool(), &[("text", "x"), ("time", "1")], None).unwrap_err();
    assert!(error.contains("takes no argument time; did you mean times?"), "{error}");
    let mut open = tool();
    open.remove("additionalProperties");
    let settled = settle_with(&open, &[("text", "x"), ("time", "1")], None).unwrap();
    assert_eq!(settled.notes, ["say does not name an argument time; sent as a string; did you mean times?"]);
}

#[test]
fn without_checks_anything_goes() {
    let pairs = [("odd".to_owned(), "1".to_owned())];
    let settled = settle("say", &tool(), Given::load(&pairs, None, false).unwrap()).unwrap();
    assert_eq!(Value::Object(settled.arguments), json!({ "odd": "1" }));
}

#[test]
fn single_arguments_win_over_the_whole_object() {
    let settled = settle_with(&tool(), &[("times", "2")], Some(r#"{"text": "x", "times": 1}"#)).unwrap();
    assert_eq!(Value::Object(settled.arguments), json!({ "text": "x", "times": 2 }));
    let error = settle_with(&tool(), &[], Some("[]")).unwrap_err();
    assert!(error.starts_with("--json must be an object"), "{error}");
}

#[test]
fn a_value_may_come_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{{\"x\": 1}}").unwrap();
    let path = format!("@{}", file.path().display());
    assert_eq!(value("where", &path), Ok(json!({ "x": 1 })));
    assert_eq!(value("text", &path), Ok(json!("{\"x\": 1}\n")));
    assert_eq!(value("text", "@@home"), Ok(json!("@home")));
    let error = value("text", "@/no/such/file").unwrap_err();
    assert!(error.contains("/no/such/file") && error.contains("@@/no/such/file"), "{error}");
}
