//! What a tool's input schema says about its arguments: as much of JSON Schema as a command line can use.

use crate::client::escape::one_line;
use serde_json::{Map, Value};

/// References are followed this far; one may refer to itself.
const FARTHEST: usize = 8;
/// Alternatives looked at for one argument; they may contain themselves.
const MOST_PARTS: usize = 64;
/// More choices than this are not listed.
const MOST_CHOICES: usize = 8;

/// A JSON type by its JSON Schema name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    Array,
    Object,
    String,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "array" => Self::Array,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Array => "array",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// One argument of a tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument<'a> {
    pub(crate) name: &'a str,
    pub(crate) required: bool,
    schema: &'a Value,
    root: &'a Map<String, Value>,
}

/// The arguments of a tool in the order of its schema, then required ones that the schema does not describe.
pub(crate) fn arguments(root: &Map<String, Value>) -> Vec<Argument<'_>> {
    let required: Vec<&str> =
        root.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let described = root.get("properties").and_then(Value::as_object);
    let mut all: Vec<Argument<'_>> = described
        .into_iter()
        .flatten()
        .map(|(name, schema)| Argument { name, required: required.contains(&name.as_str()), schema, root })
        .collect();
    for name in required {
        if !all.iter().any(|argument| argument.name == name) {
            all.push(Argument { name, required: true, schema: &Value::Null, root });
        }
    }
    all
}

impl<'a> Argument<'a> {
    /// The JSON types it may have, in the order in which text is tried as them. Empty: the schema does not say.
    pub(crate) fn kinds(self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        self.collect(self.schema, &mut |schema| kinds.extend(own_kinds(schema)));
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The values it may have, when the schema lists them.
    pub(crate) fn choices(self) -> Vec<&'a Value> {
        let mut choices = Vec::new();
        self.collect(self.schema, &mut |schema| choices.extend(own_choices(schema)));
        choices
    }

    /// For an array: one of its items.
    pub(crate) fn item(self) -> Self {
        let mut item = &Value::Null;
        self.collect(self.schema, &mut |schema| {
            if let Some(items) = schema.get("items") {
                item = items;
            }
        });
        Self { schema: item, ..self }
    }

    /// Its type in words: `integer`, `string or null`, `array of string`, `"a" | "b"`.
    pub(crate) fn type_text(self) -> String {
        let choices = self.choices();
        if !choices.is_empty() && choices.len() <= MOST_CHOICES {
            let texts: Vec<String> = choices.iter().map(|choice| one_line(&choice.to_string())).collect();
            return texts.join(" | ");
        }
        let mut kinds = self.kinds();
        // Null is tried first and said last.
        kinds.sort_by_key(|&kind| kind == Kind::Null);
        let names: Vec<String> = kinds
            .iter()
            .map(|kind| match (kind, self.item().kinds().as_slice()) {
                (Kind::Array, [item]) => format!("array of {}", item.name()),
                _ => kind.name().to_owned(),
            })
            .collect();
        if names.is_empty() { "any".to_owned() } else { names.join(" or ") }
    }

    /// What the schema says it is for, on one line.
    pub(crate) fn description(self) -> Option<String> {
        let text = |key: &str| {
            let resolved = resolve(self.root, self.schema);
            let own = self.schema.get(key).or_else(|| resolved.get(key));
            own.and_then(Value::as_str).map(one_line).filter(|text| !text.is_empty())
        };
        text("description").or_else(|| text("title"))
    }

    /// Visits the schema behind its reference and every alternative of it, up to a bound.
    fn collect(self, schema: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
        let mut waiting = vec![schema];
        for _ in 0..MOST_PARTS {
            let Some(schema) = waiting.pop() else { return };
            let schema = resolve(self.root, schema);
            visit(schema);
            for key in ["allOf", "oneOf", "anyOf"] {
                let parts = schema.get(key).and_then(Value::as_array).into_iter().flatten();
                waiting.extend(parts.rev().take(MOST_PARTS));
            }
        }
    }
}

fn own_kinds(schema: &Value) -> Vec<Kind> {
    match schema.get("type") {
        Some(Value::String(name)) => Kind::named(name).into_iter().collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(Kind::named).collect(),
        _ => own_choices(schema).into_iter().map(Kind::of).collect(),
    }
}

fn own_choices(schema: &Value) -> Vec<&Value> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().collect(),
        (_, Some(value)) => vec![value],
        _ => Vec::new(),
    }
}

/// Follows `$ref`s into the same document (`#/$defs/Name`). What cannot be followed stays as it is.
fn resolve<'s>(root: &'s Map<String, Value>, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    for _ in 0..FARTHEST {
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix("#/")).and_then(
                |pointer| {
                    let (first, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
                    let start = root.get(first)?;
                    if rest.is_empty() { Some(start) } else { start.pointer(&format!("/{rest}")) }
                },
            );
        let Some(target) = target else { break };
        schema = target;
    }
    schema
}

#[cfg(test)]
mod tests;
