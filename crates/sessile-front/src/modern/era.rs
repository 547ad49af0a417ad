//! The era that a `POST` belongs to. Both are served at one address (2026-07-28, basic/versioning, "Backward
//! Compatibility with Initialization-Based Versions").

use http::HeaderMap;
use sessile_protocol::headers::{MCP_METHOD, MCP_PROTOCOL_VERSION, MCP_SESSION_ID};
use sessile_protocol::{Message, ModernVersion, Payload, modern};

/// Whether a client of the modern era sends this.
///
/// Whoever names a modern version is modern, in the header or in the body: what disagrees then is told so, in words that
/// it knows. Without a session of the legacy era, a version in `_meta` is enough, also one that nobody here knows, and so
/// are the header and the methods that only this era has. An `initialize` without such `_meta` is legacy whatever its
/// header says: dual-era clients fall back to it.
pub(crate) fn is_modern(headers: &HeaderMap, payload: &Payload) -> bool {
    let messages = match payload {
        Payload::Single(message) => std::slice::from_ref(message),
        Payload::Batch(messages) => messages,
    };
    let declared: Vec<String> = messages.iter().filter_map(Message::modern_version).collect();
    if declared.iter().any(|version| ModernVersion::parse(version).is_some()) {
        return true;
    }
    let has_session = headers.contains_key(MCP_SESSION_ID);
    if !declared.is_empty() && !has_session {
        return true;
    }
    let asks = |method: fn(&str) -> bool| messages.iter().filter_map(Message::method).any(|name| method(name));
    if asks(|method| method == "initialize") {
        return false;
    }
    let versions = headers.get_all(MCP_PROTOCOL_VERSION).iter();
    let names_modern =
        versions.filter_map(|value| value.to_str().ok()).any(|text| ModernVersion::parse(text).is_some());
    names_modern || (!has_session && (headers.contains_key(MCP_METHOD) || asks(modern::is_new)))
}
