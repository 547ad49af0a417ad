//! TOML to a tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Tree, Value};
use crate::path::KeyPath;
use crate::report::Report;
use crate::source::Source;

/// Most parts of one dotted key. Each part is a table within a table, and the parser limits brackets
/// but not these.
const MOST_PARTS: usize = 32;

/// Reads TOML; `None` if it is not, with every mistake in `report`.
pub(crate) fn from_toml(text: &str, report: &mut Report) -> Option<Tree> {
    if let Some(offset) = long_dotted_key(text) {
        let message = format!("a key of more than {MOST_PARTS} parts; no table goes that deep");
        source_hidden(text, offset, report);
        report.error(&(offset..offset + 1), &KeyPath::Top, message);
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        source_hidden(text, span.start, report);
        report.error(
            &span,
            &KeyPath::Top,
            format!("not TOML: {}", error.message().trim_end()),
        );
    }
    errors.is_empty().then(|| Tree {
        span: table.span(),
        value: table_of(table.get_ref()),
    })
}

/// The text has no structure yet that would say which strings are secret.
fn source_hidden(text: &str, offset: usize, report: &mut Report) {
    Source::new(text)
        .quoted(offset)
        .into_iter()
        .for_each(|span| report.hide(span));
}

/// Where a line begins whose part before `=` has more dots than any key may have. Dots within quotes
/// count too: no key of a manifest has that many of either.
fn long_dotted_key(text: &str) -> Option<usize> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        // Inline tables have keys behind the first `=`, so every piece between signs is looked at.
        let deep = line
            .split(['=', ',', '{', '}', '"', '\''])
            .any(|piece| piece.bytes().filter(|b| *b == b'.').count() > MOST_PARTS);
        if deep && !line.trim_start().starts_with('#') {
            return Some(offset);
        }
        offset += line.len();
    }
    None
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
    Tree {
        span: value.span(),
        value: of,
    }
}

fn table_of(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            tree: tree(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Table(entries)
}
