//! TOML to a tree. The parser bounds how deep tables and arrays may go, so that walking them is safe.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Tree, Value};
use crate::path::KeyPath;
use crate::report::Report;
use crate::source::Source;

/// Reads TOML; `None` if it is not, with every mistake in `report`.
pub(crate) fn from_toml(text: &str, report: &mut Report) -> Option<Tree> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let source = Source::new(text);
    let mut last_line = 0;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // What is wrong later on the same line follows from the first mistake.
        let line = source.place(span.start).line;
        if line == last_line {
            continue;
        }
        last_line = line;
        // There is no structure yet that would say which strings are secret.
        source.quoted(span.start).into_iter().for_each(|span| report.hide(span));
        let message = format!("not TOML: {}", error.message().trim_end());
        report.error(&span, &KeyPath::Top, message);
    }
    errors.is_empty().then(|| Tree { span: table.span(), value: table_of(table.get_ref()) })
}

fn tree(value: &Spanned<DeValue<'_>>) -> Tree {
    let of = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            // Whatever does not fit is out of every range, and told so.
            let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
            Value::Integer(parsed.unwrap_or(i128::MAX))
        }
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(bool) => Value::Bool(*bool),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(elements) => Value::Array(elements.iter().map(tree).collect()),
        DeValue::Table(table) => table_of(table),
    };
    Tree { span: value.span(), value: of }
}

fn table_of(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry { key: key.get_ref().to_string(), key_span: key.span(), tree: tree(value) })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Table(entries)
}
