//! What handles are called in one server.

use std::borrow::Cow;
use std::collections::HashMap;
use std::iter;

use serde_json::value::RawValue;
use sessile_protocol::Object;

use super::occupied::Occupied;

/// The name of the argument where nothing else has it.
const PROPERTY: &str = "session";
/// The name of its header where nothing else has it; `Mcp-Param-` stands before it on the wire.
const HEADER: &str = "Session";

/// The names that handles go by in one server, chosen so that they collide with nothing the server has.
///
/// They follow from the server's tool list alone: choose them anew when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleNames {
    open_tool: String,
    close_tool: String,
    arguments: HashMap<String, Argument>,
}

/// The argument that carries the handle in one tool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Argument {
    property: Cow<'static, str>,
    header: Cow<'static, str>,
}

impl HandleNames {
    /// Chooses names for a server with these tools: the JSON texts of the `tools/list` results of all its pages, in
    /// any order.
    ///
    /// The tools are `open_session` and `close_session`; when the server has either, both get the first free ending
    /// of `_handle`, `_handle_2`, `_handle_3` and so on. The argument is `session`, else `session_handle`,
    /// `session_handle_2` and so on; its header `Session`, else `Session-Handle`, `Session-Handle-2` and so on. A
    /// tool whose input schema cannot take a property (it is no object, or its `properties` are none) has no argument
    /// for the handle. Two tools of one name count as one that has the properties of both.
    pub fn choose(tools_list_results: &[&str]) -> Self {
        let mut tools: HashMap<String, Occupied> = HashMap::new();
        for page in tools_list_results {
            each_tool(page, |tool| {
                if let Some(name) = tool.string("name") {
                    let occupied = tools.entry(name).or_default();
                    if let Some(schema) = tool.get("inputSchema") {
                        occupied.add(schema);
                    }
                }
            });
        }
        let (open, close) = ("open_session", "close_session");
        let is_free = |ending: &str| [open, close].iter().all(|tool| !tools.contains_key(&format!("{tool}{ending}")));
        let ending = endings("_handle", "_").find(|ending| is_free(ending)).unwrap_or_default();
        let arguments = tools
            .into_iter()
            .filter(|(_, occupied)| occupied.takes_property)
            .map(|(name, occupied)| (name, Argument::beside(&occupied)))
            .collect();
        Self { open_tool: format!("{open}{ending}"), close_tool: format!("{close}{ending}"), arguments }
    }

    /// The tool that opens a session.
    pub fn open_tool(&self) -> &str {
        &self.open_tool
    }

    /// The tool that closes a session.
    pub fn close_tool(&self) -> &str {
        &self.close_tool
    }

    /// The argument of `tool` that carries the handle. `None` for the tool that opens a session, for tools that were
    /// not listed, and for those whose schema cannot take one.
    pub fn property(&self, tool: &str) -> Option<&str> {
        if tool == self.close_tool { Some(PROPERTY) } else { Some(&self.arguments.get(tool)?.property) }
    }

    /// The `x-mcp-header` of that argument: what stands behind `Mcp-Param-` in the name of its header.
    pub fn header(&self, tool: &str) -> Option<&str> {
        if tool == self.close_tool { Some(HEADER) } else { Some(&self.arguments.get(tool)?.header) }
    }

    /// The argument in words for a model: that of `tool`, or that of any tool.
    pub(super) fn argument_in_words(&self, tool: Option<&str>) -> String {
        match tool.and_then(|tool| self.property(tool)) {
            Some(property) => format!("the argument `{property}`"),
            None if self.arguments.values().all(|argument| argument.property == PROPERTY) => {
                format!("the argument `{PROPERTY}`")
            }
            None => format!("the argument `{PROPERTY}` (in some tools `{PROPERTY}_handle` or a name like it)"),
        }
    }
}

impl Argument {
    fn beside(occupied: &Occupied) -> Self {
        Self {
            property: free(PROPERTY, endings("_handle", "_"), |name| !occupied.has_property(name)),
            header: free(HEADER, endings("-Handle", "-"), |name| !occupied.has_header(name)),
        }
    }
}

/// Calls `on` with every tool of a `tools/list` result that is an object.
fn each_tool(page: &str, mut on: impl FnMut(&Object<'_>)) {
    let page = Object::parse(page).unwrap_or_default();
    let tools: Vec<&RawValue> =
        page.get("tools").and_then(|tools| serde_json::from_str(tools).ok()).unwrap_or_default();
    for tool in tools {
        if let Some(tool) = Object::parse(tool.get()) {
            on(&tool);
        }
    }
}

/// `base` with the first ending that makes it free. What is taken is finite, so one is.
fn free(
    base: &'static str,
    mut endings: impl Iterator<Item = String>,
    is_free: impl Fn(&str) -> bool,
) -> Cow<'static, str> {
    if is_free(base) {
        return Cow::Borrowed(base);
    }
    let name = endings.find_map(|ending| Some(format!("{base}{ending}")).filter(|name| is_free(name)));
    name.map_or(Cow::Borrowed(base), Cow::Owned)
}

/// No ending, `word`, `word` and 2, `word` and 3, and so on.
fn endings(word: &'static str, joint: &'static str) -> impl Iterator<Item = String> {
    let numbered = (2_u64..).map(move |number| format!("{word}{joint}{number}"));
    iter::once(String::new()).chain(iter::once(word.to_owned())).chain(numbered)
}
