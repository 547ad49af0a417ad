//! Handles in a tool list.

use std::borrow::Cow;

use serde_json::value::RawValue;
use sessile_protocol::Object;

use super::{HandleNames, tool};

/// One page of `tools/list` (the JSON text of its result) with the argument for the handle in the tools that take
/// one; the last page also has the tools that open and close sessions. `None` when it is no such result.
///
/// `required`, output schemas and everything else stay as they are. A schema whose `$ref` or `allOf` leads to one
/// that is closed (`additionalProperties: false`) gets the argument too, though a client that validates would refuse
/// it there: calls without a handle stay as valid as they were.
pub fn add_to_list(names: &HandleNames, result: &str) -> Option<String> {
    let mut page = Object::parse(result)?;
    let tools: Vec<&RawValue> = serde_json::from_str(page.get("tools")?).ok()?;
    let mut listed: Vec<Cow<'_, str>> = tools
        .iter()
        .map(|tool| with_argument(names, tool.get()).map_or(Cow::Borrowed(tool.get()), Cow::Owned))
        .collect();
    // An empty string is a cursor; only null and nothing are none (2026-07-28, server/utilities/pagination).
    if page.get("nextCursor").is_none_or(|cursor| cursor == "null") {
        listed.push(Cow::Owned(tool::open(names).to_string()));
        listed.push(Cow::Owned(tool::close(names).to_string()));
    }
    let listed = format!("[{}]", listed.join(","));
    page.set("tools", listed);
    Some(page.to_json())
}

/// The tool with the argument; `None` when it takes none.
fn with_argument(names: &HandleNames, tool: &str) -> Option<String> {
    let mut tool = Object::parse(tool)?;
    let name = tool.string("name")?;
    let property = names.property(&name)?;
    let mut schema = tool.object("inputSchema")?;
    let mut properties = match schema.get("properties") {
        None => Object::new(),
        Some(properties) => Object::parse(properties)?,
    };
    // The names were chosen for another list: what the tool has is its own.
    if properties.get(property).is_some() {
        return None;
    }
    properties.set(property, tool::argument(names, &name).to_string());
    let properties = properties.to_json();
    schema.set("properties", properties);
    let schema = schema.to_json();
    tool.set("inputSchema", schema);
    Some(tool.to_json())
}
