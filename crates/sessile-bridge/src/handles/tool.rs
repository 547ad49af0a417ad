//! The two tools, and the argument that the others get, as models read them.

use serde_json::{Value, json};

use super::HandleNames;

/// The annotation that has clients mirror an argument in a header.
pub(super) const X_MCP_HEADER: &str = "x-mcp-header";

/// The member of the structured result that holds a new handle.
pub(super) const HANDLE: &str = "handle";

/// The tool that opens a session.
pub(super) fn open(names: &HandleNames) -> Value {
    let description = format!(
        "Opens a session: a separate place for whatever this server's tools remember between calls. Returns a handle. \
         Pass it in {} of every call that shall use this session; calls with different handles share nothing. \
         Call `{}` with the handle when the work is done.",
        names.argument_in_words(None),
        names.close_tool(),
    );
    json!({
        "name": names.open_tool(),
        "title": "Open a session",
        "description": description,
        "inputSchema": { "type": "object", "properties": {}, "additionalProperties": false },
        "outputSchema": {
            "type": "object",
            "properties": { HANDLE: { "type": "string", "description": "The handle of the new session." } },
            "required": [HANDLE],
        },
        "annotations": {
            "readOnlyHint": false,
            "destructiveHint": false,
            "idempotentHint": false,
            "openWorldHint": false,
        },
    })
}

/// The tool that closes a session.
pub(super) fn close(names: &HandleNames) -> Value {
    let tool = names.close_tool();
    let description = format!(
        "Closes a session that `{}` opened. Its state is lost and its handle is no longer valid.",
        names.open_tool(),
    );
    let property = names.property(tool).unwrap_or_default();
    json!({
        "name": tool,
        "title": "Close a session",
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": {
                property: {
                    "type": "string",
                    "description": "The handle of the session to close.",
                    X_MCP_HEADER: names.header(tool),
                },
            },
            "required": [property],
            "additionalProperties": false,
        },
        "annotations": {
            "readOnlyHint": false,
            "destructiveHint": true,
            "idempotentHint": true,
            "openWorldHint": false,
        },
    })
}

/// The schema of the argument that the server's own tools get.
pub(super) fn argument(names: &HandleNames, tool: &str) -> Value {
    let description = format!(
        "Handle of the session to use, as `{}` returned it. Calls with the same handle share their state.",
        names.open_tool(),
    );
    json!({ "type": "string", "description": description, X_MCP_HEADER: names.header(tool) })
}
