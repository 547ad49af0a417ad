//! Holds a tree to the schema: unknown keys, wrong types, texts without the right form, values out of
//! range. What fails is told and taken out, so that the rest can still be read and judged.

use std::ops::Range;

use serde_json::Value as Schema;

use crate::leaf;
use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::{Entry, Tree, Value};

mod later;
mod suggest;

/// Checks `tree` against `schema`; false if it must not be used.
pub(crate) fn check(tree: &mut Tree, schema: &Schema, path: &KeyPath<'_>, report: &mut Report) -> bool {
    let fits = match schema.get("type").and_then(Schema::as_str) {
        Some("object") => match &mut tree.value {
            Value::Table(entries) => {
                entries.retain_mut(|entry| check_entry(entry, schema, path, report));
                return true;
            }
            _ => false,
        },
        Some("array") => match &mut tree.value {
            Value::Array(elements) => {
                return check_elements(elements, &tree.span, schema, path, report);
            }
            _ => false,
        },
        Some("boolean") => matches!(tree.value, Value::Bool(_)),
        Some("integer") => matches!(tree.value, Value::Integer(_)),
        Some("number") => matches!(tree.value, Value::Integer(_) | Value::Float(_)),
        _ => matches!(tree.value, Value::Text(_)),
    };
    let fault = if fits {
        unfit(tree, schema)
    } else {
        // What stands where it does not belong may be anything, a secret too.
        if matches!(tree.value, Value::Array(_) | Value::Table(_)) {
            hide(tree, report);
        }
        Some(wrong_type(tree, schema))
    };
    if let Some(message) = &fault {
        report.error(&tree.span, path, message.as_str());
    }
    fault.is_none()
}

fn check_entry(entry: &mut Entry, table: &Schema, path: &KeyPath<'_>, report: &mut Report) -> bool {
    let here = path.key(&entry.key);
    if let Some(message) = later::key(&here) {
        hide(&entry.tree, report);
        report.error(&entry.key_span, &here, message);
        return false;
    }
    if let Some(schema) = table.get("properties").and_then(|keys| keys.get(&entry.key)) {
        return check(&mut entry.tree, schema, &here, report);
    }
    // A table whose keys are names of the author's own choice.
    if let Some(schema) = table.get("additionalProperties").filter(|any| any.is_object()) {
        let form = table.pointer("/propertyNames/x-value").and_then(Schema::as_str);
        let named = form.map_or(Ok(()), |form| leaf::check(form, &entry.key));
        if let Err(message) = &named {
            report.error(&entry.key_span, &here, message.as_str());
        }
        return check(&mut entry.tree, schema, &here, report) && named.is_ok();
    }
    // The value of a key that nobody knows may be anything, a secret too.
    hide(&entry.tree, report);
    let message = format!("unknown key; {}", suggest::instead_of(&entry.key, table));
    report.error(&entry.key_span, &here, message);
    false
}

/// Keeps every text in `tree` out of the excerpts; the quotes around them may be seen.
pub(crate) fn hide(tree: &Tree, report: &mut Report) {
    tree.texts(&mut |text| report.hide(text.span.start + 1..text.span.end.saturating_sub(1)));
}

fn check_elements(
    elements: &mut [Tree],
    span: &Range<usize>,
    schema: &Schema,
    path: &KeyPath<'_>,
    report: &mut Report,
) -> bool {
    let least = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
    if (elements.len() as u64) < least {
        report.error(span, path, "empty; write at least one element");
        return false;
    }
    let any = Schema::Null;
    let of = schema.get("items").unwrap_or(&any);
    let mut all_right = true;
    for (index, element) in elements.iter_mut().enumerate() {
        all_right &= check(element, of, &path.element(index), report);
    }
    all_right
}

/// What is wrong with a value of the right type.
fn unfit(tree: &Tree, schema: &Schema) -> Option<String> {
    match &tree.value {
        Value::Text(text) => unfit_text(text, schema),
        Value::Integer(integer) => out_of_range(*integer as f64, schema),
        Value::Float(float) => out_of_range(*float, schema),
        _ => None,
    }
}

fn unfit_text(text: &str, schema: &Schema) -> Option<String> {
    let choices = choices(schema);
    if !choices.is_empty() && !choices.contains(&text) {
        return Some(suggest::one_of(text, &choices));
    }
    let form = schema.get("x-value").and_then(Schema::as_str)?;
    if let Err(message) = leaf::check(form, text) {
        return Some(message);
    }
    let (minimum, maximum) = bounds(schema)?;
    (!leaf::is_within(form, text, minimum, maximum))
        .then(|| format!("out of range; the range is {minimum} to {maximum}"))
}

fn bounds(schema: &Schema) -> Option<(&str, &str)> {
    Some((schema.get("x-minimum")?.as_str()?, schema.get("x-maximum")?.as_str()?))
}

/// The texts that are allowed, where the schema lists them.
fn choices(schema: &Schema) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Schema::as_array).into_iter().flatten();
    // Choices with a description each come as a list of constants.
    let described = schema.get("oneOf").and_then(Schema::as_array).into_iter().flatten();
    let constants = described.filter_map(|choice| choice.get("const"));
    listed.chain(constants).filter_map(Schema::as_str).collect()
}

fn out_of_range(value: f64, schema: &Schema) -> Option<String> {
    let minimum = schema.get("minimum").and_then(Schema::as_f64).unwrap_or(f64::MIN);
    let maximum = schema.get("maximum").and_then(Schema::as_f64).unwrap_or(f64::MAX);
    // Written so that NaN, which is in no range, fails.
    let within = minimum <= value && value <= maximum;
    (!within).then(|| format!("out of range; the range is {minimum} to {maximum}"))
}

fn wrong_type(tree: &Tree, schema: &Schema) -> String {
    // Texts with a form explain themselves better than "expected a string" could.
    let form = schema.get("x-value").and_then(Schema::as_str);
    if let Some(Err(message)) = form.map(|form| leaf::check(form, "")) {
        return message;
    }
    let expected = match schema.get("type").and_then(Schema::as_str) {
        Some("object") => "a table",
        Some("array") => "an array of strings, such as [\"one\", \"two\"]",
        Some("boolean") => "true or false",
        Some("integer") => "an integer",
        Some("number") => "a number",
        _ => "a string",
    };
    format!("expected {expected}, found {}", tree.noun())
}
