//! The schema is what the check goes by, so what it says must hold together.

use super::*;
use crate::leaf;

/// Calls `each` with every schema within `schema`.
fn visit(schema: &Value, each: &mut impl FnMut(&Value)) {
    each(schema);
    match schema {
        Value::Object(members) => members.values().for_each(|inner| visit(inner, each)),
        Value::Array(elements) => elements.iter().for_each(|inner| visit(inner, each)),
        _ => {}
    }
}

fn text<'s>(schema: &'s Value, key: &str) -> Option<&'s str> {
    schema.get(key).and_then(Value::as_str)
}

#[test]
fn every_form_is_one_that_is_checked() {
    let mut forms = 0;
    visit(schema(), &mut |schema| {
        if let Some(form) = text(schema, "x-value") {
            forms += 1;
            assert!(leaf::check(form, "\0").is_err(), "{form}");
        }
    });
    assert!(forms > 20, "{forms}");
}

#[test]
fn every_bound_and_every_default_is_within_its_own_range() {
    let mut ranges = 0;
    visit(schema(), &mut |schema| {
        let bounds = text(schema, "x-minimum").zip(text(schema, "x-maximum"));
        let Some((minimum, maximum)) = bounds else { return };
        ranges += 1;
        let form = text(schema, "x-value").expect("a form");
        for value in [minimum, maximum].into_iter().chain(text(schema, "default")) {
            assert!(leaf::is_within(form, value, minimum, maximum), "{schema}");
        }
    });
    assert!(ranges > 10, "{ranges}");
}

#[test]
fn every_size_and_span_has_a_default_unless_leaving_it_out_means_something() {
    let mut without = std::collections::BTreeSet::new();
    visit(schema(), &mut |schema| {
        let keys = schema.get("properties").and_then(Value::as_object);
        let ranged = keys.into_iter().flatten().filter(|(_, schema)| schema.get("x-minimum").is_some());
        without.extend(ranged.filter(|(_, schema)| text(schema, "default").is_none()).map(|(key, _)| key.clone()));
    });
    assert_eq!(without.into_iter().collect::<Vec<_>>(), ["hibernate_after", "memory", "promote_after"]);
}

#[test]
fn every_choice_is_described() {
    let mut choices = 0;
    visit(schema(), &mut |schema| {
        assert!(schema.get("enum").is_none(), "choices without a word on what they do: {schema}");
        if schema.get("const").is_some() {
            choices += 1;
            assert!(text(schema, "description").is_some(), "{schema}");
        }
    });
    assert!(choices >= 20, "{choices}");
}

#[test]
fn every_size_span_and_number_has_a_range() {
    visit(schema(), &mut |schema| {
        if matches!(text(schema, "x-value"), Some("size" | "span")) {
            assert!(text(schema, "x-minimum").is_some(), "{schema}");
        }
        if matches!(text(schema, "type"), Some("integer" | "number")) {
            assert!(schema.get("minimum").is_some() && schema.get("maximum").is_some(), "{schema}");
        }
    });
}

#[test]
fn every_key_is_described() {
    visit(schema(), &mut |schema| {
        let keys = schema.get("properties").and_then(Value::as_object);
        for (key, schema) in keys.into_iter().flatten() {
            assert!(text(schema, "description").is_some(), "{key}: {schema}");
        }
    });
}

#[test]
fn the_pattern_of_sizes_takes_what_the_check_takes() {
    // The pattern is for editors; should it drift, they would mark right manifests as wrong.
    let memory = schema().pointer("/properties/defaults/properties/limits/properties/memory").expect("memory");
    assert_eq!(text(memory, "pattern"), Some(r"^[0-9]+(\.[0-9]{1,9})? *(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$"));
    assert_eq!(text(memory, "default"), Some("512MiB"));
    assert_eq!(text(memory, "x-minimum"), Some("4MiB"));
}
