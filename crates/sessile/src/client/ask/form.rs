//! The form of an elicitation: a flat object of primitive fields (MCP 2025-11-25, `requestedSchema`).

use crate::client::ask::format::Format;
use crate::client::escape::one_line;
use serde_json::{Map, Value};

/// The fields of a form, in the order of its schema.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
    pub(crate) kind: FieldKind,
}

/// What a field takes.
#[derive(Clone, Debug)]
pub(crate) enum FieldKind {
    /// Text of so many characters, perhaps in a format.
    Text { shortest: u64, longest: Option<u64>, format: Option<Format> },
    /// A number within bounds.
    Number { whole: bool, least: Option<f64>, most: Option<f64> },
    /// Yes or no.
    Boolean,
    /// One of several values.
    One(Vec<Choice>),
    /// Several of several values.
    Several { choices: Vec<Choice>, fewest: u64, most: Option<u64> },
}

/// A value to choose, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: Option<String>,
}

impl Form {
    /// Reads `requestedSchema`. Fields of types that the specification does not know are taken as text.
    pub(crate) fn from_schema(schema: &Value) -> Self {
        let required: Vec<&str> = strings(schema.get("required"));
        let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let fields = fields.map(|(name, schema)| Field {
            name: name.clone(),
            title: text(schema, "title"),
            description: text(schema, "description"),
            required: required.contains(&name.as_str()),
            default: schema.get("default").filter(|value| !value.is_null()).cloned(),
            kind: FieldKind::from_schema(schema),
        });
        Self { fields: fields.collect() }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Fills defaults into what is missing; the error names the required fields that are missing still.
    pub(crate) fn complete(&self, mut content: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut missing = Vec::new();
        for field in &self.fields {
            if content.contains_key(&field.name) {
                continue;
            }
            match &field.default {
                Some(value) => {
                    content.insert(field.name.clone(), value.clone());
                }
                None if field.required => missing.push(one_line(&field.name)),
                None => {}
            }
        }
        if missing.is_empty() { Ok(content) } else { Err(missing.join(", ")) }
    }

    /// What would have answered it without a terminal.
    pub(crate) fn how_to_answer(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .filter(|field| field.required || field.default.is_none())
            .map(|field| format!("--answer {}=…", one_line(&field.name)))
            .collect();
        let flags = if fields.is_empty() { "--accept".to_owned() } else { fields.join(" ") };
        format!("no terminal to ask on; pass {flags}")
    }
}

impl FieldKind {
    fn from_schema(schema: &Value) -> Self {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let count = |key: &str| schema.get(key).and_then(Value::as_u64);
        match schema.get("type").and_then(Value::as_str) {
            Some("boolean") => Self::Boolean,
            Some(number @ ("number" | "integer")) => {
                Self::Number { whole: number == "integer", least: bound("minimum"), most: bound("maximum") }
            }
            Some("array") => Self::Several {
                choices: choices(schema.get("items").unwrap_or(&Value::Null)),
                fewest: count("minItems").unwrap_or(0),
                most: count("maxItems"),
            },
            _ => match choices(schema) {
                none if none.is_empty() => Self::Text {
                    shortest: count("minLength").unwrap_or(0),
                    longest: count("maxLength"),
                    format: schema.get("format").and_then(Value::as_str).and_then(Format::named),
                },
                some => Self::One(some),
            },
        }
    }
}

/// The choices of a schema in any of the three spellings: titled (`oneOf`, `anyOf`), plain (`enum`), and the
/// older `enum` with `enumNames` (SEP-1330).
fn choices(schema: &Value) -> Vec<Choice> {
    let titled = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    if let Some(titled) = titled {
        let choice = |choice: &Value| {
            Some(Choice { value: choice.get("const")?.as_str()?.to_owned(), label: text(choice, "title") })
        };
        return titled.iter().filter_map(choice).collect();
    }
    let names = strings(schema.get("enumNames"));
    let label = |index: usize| names.get(index).map(|name| one_line(name));
    strings(schema.get("enum"))
        .into_iter()
        .enumerate()
        .map(|(index, value)| Choice { value: value.to_owned(), label: label(index) })
        .collect()
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema.get(key).and_then(Value::as_str).map(one_line).filter(|text| !text.is_empty())
}
