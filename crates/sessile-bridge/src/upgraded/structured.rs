//! Structured output of tools: an object in the legacy era, any JSON value since 2026-07-28 (SEP-2106).
//!
//! A strict legacy client refuses a whole list for one schema it cannot read. What it cannot read is left out; a
//! server that speaks to older clients says the same as text.

use sessile_protocol::{Method, Object};

/// Leaves out of the result of `method` what a legacy client would refuse.
pub(super) fn narrow(method: &Method, result: &mut Object<'_>) {
    match method.as_str() {
        "tools/call" if result.get("structuredContent").is_some() && result.object("structuredContent").is_none() => {
            result.remove("structuredContent");
        }
        "tools/list" => {
            if let Some(tools) = result.get("tools").and_then(narrow_tools) {
                result.set("tools", tools);
            }
        }
        _ => {}
    }
}

/// The tools without the schemas that are not of objects, as JSON text. `None` when there are none of those.
fn narrow_tools(json: &str) -> Option<String> {
    let mut tools: Vec<Object<'_>> = serde_json::from_str(json).ok()?;
    let mut is_changed = false;
    for tool in &mut tools {
        let is_object = |schema: Object<'_>| schema.string("type").as_deref() == Some("object");
        if tool.get("outputSchema").is_some() && !tool.object("outputSchema").is_some_and(is_object) {
            tool.remove("outputSchema");
            is_changed = true;
        }
    }
    let tools: Vec<_> = tools.iter().map(Object::to_json).collect();
    is_changed.then(|| format!("[{}]", tools.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(method: &str, json: &str) -> String {
        let mut result = Object::parse(json).unwrap();
        narrow(&Method::new(method), &mut result);
        result.to_json()
    }

    #[test]
    fn what_a_legacy_client_can_read_stays_as_it_is() {
        for (method, json) in [
            ("tools/call", r#"{"content":[],"structuredContent":{ "n":1.0 }}"#),
            ("tools/list", r#"{"tools":[{"name":"a","outputSchema":{ "type":"object" }}, {"name":"b"}]}"#),
            ("tools/list", r#"{"tools":7}"#),
            ("resources/read", r#"{"structuredContent":[]}"#),
        ] {
            assert_eq!(narrowed(method, json), json);
        }
    }

    #[test]
    fn output_that_is_no_object_is_left_out() {
        for value in ["[1]", "null", "7", "\"x\""] {
            let json = format!(r#"{{"structuredContent":{value},"content":[]}}"#);
            assert_eq!(narrowed("tools/call", &json), r#"{"content":[]}"#);
        }
        let listed = r#"{"tools":[{"name":"a","outputSchema":{"type":"array"},"x":1.0},{"name":"b","outputSchema":{"oneOf":[]}}]}"#;
        assert_eq!(narrowed("tools/list", listed), r#"{"tools":[{"name":"a","x":1.0},{"name":"b"}]}"#);
    }
}
