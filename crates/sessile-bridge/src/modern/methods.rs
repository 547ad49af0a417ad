//! What the methods of the modern era allow.

use sessile_protocol::{Era, Method};

/// Whether a request may end with questions (2026-07-28, basic/patterns/mrtr, "Supported Requests").
pub(super) fn is_parkable(method: &Method) -> bool {
    matches!(method.as_str(), "tools/call" | "prompts/get" | "resources/read")
}

/// Whether a modern client may ask this of a server of `era`: not what only the legacy era has, nor what only servers
/// ask. Methods that nobody here knows are the server's to judge.
pub(super) fn is_allowed(method: &Method, era: Era) -> bool {
    match method.as_str() {
        "elicitation/create"
        | "initialize"
        | "logging/setLevel"
        | "ping"
        | "resources/subscribe"
        | "resources/unsubscribe"
        | "roots/list"
        | "sampling/createMessage"
        | "tasks/list"
        | "tasks/result" => false,
        name if name.starts_with("tasks/") => matches!(era, Era::Modern(_)),
        name => !name.starts_with("notifications/"),
    }
}

/// Who may share a cached result. `None` where results are not cacheable.
pub(super) fn cache_scope(method: &Method) -> Option<&'static str> {
    match method.as_str() {
        "prompts/list" | "resources/list" | "resources/templates/list" | "server/discover" | "tools/list" => {
            Some(r#""public""#)
        }
        "resources/read" => Some(r#""private""#),
        _ => None,
    }
}
