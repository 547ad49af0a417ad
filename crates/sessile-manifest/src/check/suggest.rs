//! What the author probably meant.

use serde_json::Value as Schema;

use crate::path::Shown;

/// What to write instead of `key`, which the table described by `table` does not have.
pub(super) fn instead_of(key: &str, table: &Schema) -> String {
    let keys = keys(table);
    if let Some(near) = nearest(key, &keys) {
        return format!("did you mean `{near}`?");
    }
    let inner = keys.iter().find(|inner| has(table, inner, key));
    if let Some(inner) = inner {
        return format!("did you mean `{inner}.{key}`?");
    }
    format!("the keys here are {}", list(&keys))
}

/// What to write instead of `text`, where one of `choices` is needed.
pub(super) fn one_of(text: &str, choices: &[&str]) -> String {
    match nearest(text, choices) {
        Some(near) => format!("unknown value; did you mean \"{near}\"?"),
        None => format!("unknown value {}; it is one of {}", Shown(text), list(choices)),
    }
}

/// The one of `known` that is most like `text`, if any is alike enough: at most one slip in three
/// characters, the way fingers err.
fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    // Comparing costs the product of the lengths, and no long text is near a short key.
    if text.len() > 64 {
        return None;
    }
    let text = text.to_lowercase().replace('-', "_");
    let slips = |key: &&str| strsim::damerau_levenshtein(&text, key);
    let near = known.iter().copied().min_by_key(slips)?;
    (slips(&near) <= (near.len() / 3).max(1)).then_some(near)
}

fn keys(table: &Schema) -> Vec<&str> {
    let properties = table.get("properties").and_then(Schema::as_object);
    properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// Whether `table` has a table `inner` that has `key`.
fn has(table: &Schema, inner: &str, key: &str) -> bool {
    let properties = |schema: &'_ Schema, key: &str| schema.get("properties")?.get(key).cloned();
    properties(table, inner).is_some_and(|inner| properties(&inner, key).is_some())
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
