//! Whether an answer is one to its question.

use serde_json::Value;

use super::capabilities::Need;

/// Whether `answer` fits a question that needs `need` and has `params`, all JSON text.
pub(super) fn fits(need: Need, params: Option<&str>, answer: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(answer) else {
        return false;
    };
    match need {
        Need::Form => is_form(&answer, params),
        Need::Url => action(&answer).is_some(),
        Need::Sampling | Need::SamplingWithTools => is_sampled(&answer),
        Need::Roots => answer.get("roots").and_then(Value::as_array).is_some_and(|roots| roots.iter().all(is_root)),
    }
}

/// Whether the user accepted.
fn action(answer: &Value) -> Option<bool> {
    match answer.get("action")?.as_str()? {
        "accept" => Some(true),
        "decline" | "cancel" => Some(false),
        _ => None,
    }
}

fn is_form(answer: &Value, params: Option<&str>) -> bool {
    match action(answer) {
        None => false,
        Some(false) => true,
        Some(true) => {
            let params: Value = params.and_then(|params| serde_json::from_str(params).ok()).unwrap_or_default();
            let empty = Value::Object(serde_json::Map::new());
            let content = answer.get("content").unwrap_or(&empty);
            content.is_object() && params.get("requestedSchema").is_none_or(|schema| object_fits(schema, content))
        }
    }
}

fn is_sampled(answer: &Value) -> bool {
    let is_block = |block: &Value| block.get("type").is_some_and(Value::is_string);
    let is_content = match answer.get("content") {
        Some(Value::Array(blocks)) => blocks.iter().all(is_block),
        Some(block) => is_block(block),
        None => false,
    };
    let role = answer.get("role").and_then(Value::as_str);
    is_content && matches!(role, Some("user" | "assistant")) && answer.get("model").is_some_and(Value::is_string)
}

fn is_root(root: &Value) -> bool {
    root.get("uri").is_some_and(Value::is_string)
}

/// The restricted schema of forms: one flat object.
fn object_fits(schema: &Value, content: &Value) -> bool {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let has_all = required.filter_map(Value::as_str).all(|name| content.get(name).is_some());
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    has_all
        && properties
            .filter_map(|(name, schema)| Some((schema, content.get(name)?)))
            .all(|(schema, value)| value_fits(schema, value))
}

fn value_fits(schema: &Value, value: &Value) -> bool {
    is_of_type(schema, value) && is_chosen(schema, value) && is_within(schema, value)
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => is_a(name, value),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(|name| is_a(name, value)),
        _ => true,
    }
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // Not ours to judge.
        _ => true,
    }
}

/// `enum`, `const`, and choices with titles.
fn is_chosen(schema: &Value, value: &Value) -> bool {
    if schema.get("const").is_some_and(|only| only != value) {
        return false;
    }
    ["enum", "oneOf", "anyOf"].iter().all(|name| {
        let Some(choices) = schema.get(name).and_then(Value::as_array) else {
            return true;
        };
        choices.iter().any(|choice| if *name == "enum" { choice == value } else { value_fits_choice(choice, value) })
    })
}

fn value_fits_choice(choice: &Value, value: &Value) -> bool {
    choice.get("const").is_none_or(|only| only == value)
}

fn is_within(schema: &Value, value: &Value) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let lies = |size: f64, least: &str, most: &str| {
        bound(least).is_none_or(|least| size >= least) && bound(most).is_none_or(|most| size <= most)
    };
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| lies(number, "minimum", "maximum")),
        Value::String(text) => {
            lies(count(text.chars().count()), "minLength", "maxLength") && has_format(schema.get("format"), text)
        }
        Value::Array(items) => {
            let item = schema.get("items");
            lies(count(items.len()), "minItems", "maxItems")
                && item.is_none_or(|item| items.iter().all(|value| is_of_type(item, value) && is_chosen(item, value)))
        }
        _ => true,
    }
}

/// Exact for every length that fits into memory.
#[allow(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^52")]
fn count(length: usize) -> f64 {
    length as f64
}

/// The formats of the restricted schema, as far as a glance tells.
fn has_format(format: Option<&Value>, text: &str) -> bool {
    match format.and_then(Value::as_str) {
        Some("email") => text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
        Some("uri") => text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)),
        Some("date") => is_date(text),
        Some("date-time") => {
            let parts = text.split_once(['T', 't', ' ']);
            parts.is_some_and(|(date, time)| is_date(date) && is_time(time))
        }
        _ => true,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| part.parse::<u16>().ok().filter(|_| part.len() >= 2));
    let (Some(Some(_)), Some(Some(month)), Some(Some(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    text.len() == 10 && (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn is_time(text: &str) -> bool {
    let clock = text.get(..8).unwrap_or_default();
    let mut parts = clock.split(':').map(|part| part.parse::<u8>().ok().filter(|_| part.len() == 2));
    let (Some(Some(hour)), Some(Some(minute)), Some(Some(second)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    hour < 24 && minute < 60 && second <= 60 && text.len() > 8
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(schema: &Value, content: &Value) -> bool {
        let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {"x": schema}, "required": ["x"]}});
        fits(Need::Form, Some(&params.to_string()), &json!({"action": "accept", "content": {"x": content}}).to_string())
    }

    #[test]
    fn forms_are_checked_against_their_schema() {
        let titled = json!([{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]);
        for (schema, good, bad) in [
            (json!({"type": "string"}), json!("a"), json!(1)),
            (json!({"type": "string", "minLength": 2, "maxLength": 3}), json!("äö"), json!("ä")),
            (json!({"type": "string", "maxLength": 3}), json!("abc"), json!("abcd")),
            (json!({"type": "string", "format": "email"}), json!("a@b"), json!("ab")),
            (json!({"type": "string", "format": "uri"}), json!("file:///x"), json!("/x")),
            (json!({"type": "string", "format": "date"}), json!("2026-07-28"), json!("2026-13-28")),
            (json!({"type": "string", "format": "date-time"}), json!("2026-07-28T01:02:03Z"), json!("2026-07-28")),
            (json!({"type": "string", "enum": ["a", "b"]}), json!("b"), json!("c")),
            (json!({"type": "string", "oneOf": titled}), json!("b"), json!("c")),
            (json!({"type": "number", "minimum": 0.5}), json!(0.5), json!(0.4)),
            (json!({"type": "integer", "maximum": 3}), json!(3.0), json!(2.5)),
            (json!({"type": "integer", "maximum": 3}), json!(3), json!(4)),
            (json!({"type": "boolean"}), json!(false), json!("false")),
            (json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}), json!(["a"]), json!(["b"])),
            (json!({"type": "array", "items": {"anyOf": titled}, "minItems": 1}), json!(["a", "b"]), json!([])),
        ] {
            assert!(form(&schema, &good), "{schema} takes {good}");
            assert!(!form(&schema, &bad), "{schema} does not take {bad}");
        }
    }

    #[test]
    fn what_is_required_must_be_there_if_the_user_accepts() {
        let params =
            json!({"requestedSchema": {"required": ["x"], "properties": {"x": {"type": "string"}}}}).to_string();
        let fit = |answer: Value| fits(Need::Form, Some(&params), &answer.to_string());
        assert!(fit(json!({"action": "decline"})) && fit(json!({"action": "cancel"})));
        assert!(fit(json!({"action": "accept", "content": {"x": "", "y": [1]}})));
        for answer in [
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {}}),
            json!({"action": "accept", "content": []}),
            json!({"action": "yes", "content": {"x": ""}}),
            json!({"content": {"x": ""}}),
            json!(null),
        ] {
            assert!(!fit(answer.clone()), "{answer}");
        }
        assert!(fits(Need::Url, None, r#"{"action":"accept"}"#) && !fits(Need::Url, None, r#"{"action":1}"#));
    }

    #[test]
    fn samples_and_roots_have_their_shape() {
        let sample = |answer: Value| fits(Need::Sampling, None, &answer.to_string());
        let text = json!({"type": "text", "text": "hi"});
        assert!(sample(json!({"role": "assistant", "model": "m", "content": text})));
        assert!(sample(json!({"role": "assistant", "model": "m", "content": [text]})));
        assert!(!sample(json!({"role": "assistant", "content": text})));
        assert!(!sample(json!({"role": "system", "model": "m", "content": text})));
        assert!(!sample(json!({"role": "assistant", "model": "m", "content": "hi"})));
        let roots = |answer: Value| fits(Need::Roots, None, &answer.to_string());
        assert!(roots(json!({"roots": []})) && roots(json!({"roots": [{"uri": "file:///x"}]})));
        assert!(!roots(json!({"roots": [{}]})) && !roots(json!({})) && !roots(json!([])));
    }
}
