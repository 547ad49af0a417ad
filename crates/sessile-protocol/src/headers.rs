//! Names of the HTTP headers that MCP uses, and the two headers whose values need reading.

mod accept;

#[cfg(test)]
mod tests;

pub use accept::{accepts, prefers};

/// The session a legacy request belongs to (2025-03-26 to 2025-11-25).
pub const MCP_SESSION_ID: &str = "mcp-session-id";
/// The version a client speaks (from 2025-06-18).
pub const MCP_PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The last event a client received on the stream that it resumes (WHATWG HTML, section 9.2).
pub const LAST_EVENT_ID: &str = "last-event-id";
/// The method of a modern request (2026-07-28).
pub const MCP_METHOD: &str = "mcp-method";
/// The tool, prompt or resource of a modern request (2026-07-28).
pub const MCP_NAME: &str = "mcp-name";
/// What the headers of mirrored arguments begin with (2026-07-28).
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";
/// The session a modern request names, and the one a modern response belonged to (Sessile).
pub const SESSILE_SESSION: &str = "sessile-session";
/// Another runtime's name for the same, for clients written against it.
pub const AGENTCORE_SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
/// Where a request belongs in a trace (W3C Trace Context); also the member of `_meta` that says the same (SEP-414).
pub const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to it (W3C Trace Context); also a member of `_meta` (SEP-414).
pub const TRACESTATE: &str = "tracestate";
/// What travels along a trace (W3C Baggage); also a member of `_meta` (SEP-414).
pub const BAGGAGE: &str = "baggage";

/// JSON.
pub const APPLICATION_JSON: &str = "application/json";
/// Server-sent events.
pub const TEXT_EVENT_STREAM: &str = "text/event-stream";

/// The media type of a `Content-Type` value, without its parameters.
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a `Content-Type` value says JSON.
pub fn is_json(content_type: &str) -> bool {
    media_type(content_type).eq_ignore_ascii_case(APPLICATION_JSON)
}
