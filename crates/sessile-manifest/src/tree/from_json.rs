//! JSON to a tree. Comments and trailing commas are read too: editors that keep MCP servers in their
//! settings write both. The parser bounds how deep a value may go, so that walking it is safe.

use std::ops::Range;

use jsonc_parser::ast::{ObjectPropName, Value as Json};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Entry, Tree, Value};
use crate::path::KeyPath;
use crate::report::Report;
use crate::source::Source;

/// Reads JSON; `None` if it is not, with the mistake in `report`.
pub(crate) fn from_json(text: &str, report: &mut Report) -> Option<Tree> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_missing_commas: false,
        allow_loose_object_property_names: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => {
            if parsed.value.is_none() {
                report.error(&(0..0), &KeyPath::Top, "not JSON: the file is empty");
            }
            parsed.value.map(|value| tree(value, &KeyPath::Top, report))
        }
        Err(error) => {
            let range = error.range();
            Source::new(text).quoted(range.start).into_iter().for_each(|span| report.hide(span));
            let message = format!("not JSON: {}", uncapitalised(&error.kind().to_string()));
            report.error(&(range.start..range.end), &KeyPath::Top, message);
            None
        }
    }
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn tree(json: Json<'_>, path: &KeyPath<'_>, report: &mut Report) -> Tree {
    let span = range(&json);
    let value = match json {
        Json::StringLit(text) => Value::Text(text.value.into_owned()),
        Json::NumberLit(number) => number_of(number.value),
        Json::BooleanLit(bool) => Value::Bool(bool.value),
        Json::NullKeyword(_) => Value::Null,
        Json::Array(array) => {
            let elements = array.elements.into_iter().enumerate();
            Value::Array(elements.map(|(i, v)| tree(v, &path.element(i), report)).collect())
        }
        Json::Object(object) => {
            let mut entries: Vec<Entry> = Vec::new();
            for property in object.properties {
                let key_span = range(&property.name);
                let key = match property.name {
                    ObjectPropName::String(name) => name.value.into_owned(),
                    ObjectPropName::Word(name) => name.value.to_owned(),
                };
                let here = path.key(&key);
                let tree = tree(property.value, &here, report);
                if entries.iter().any(|entry| entry.key == key) {
                    report.error(&key_span, &here, "the key is there twice; remove one");
                } else {
                    entries.push(Entry { key, key_span, tree });
                }
            }
            Value::Table(entries)
        }
    };
    Tree { span, value }
}

fn range(of: &impl Ranged) -> Range<usize> {
    of.start()..of.end()
}

fn number_of(text: &str) -> Value {
    let integer = text.parse().map(Value::Integer);
    integer.unwrap_or_else(|_| Value::Float(text.parse().unwrap_or(f64::NAN)))
}
