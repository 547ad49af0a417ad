//! Whether the headers of a modern request say what its body says, and whether its `_meta` is complete.

use crate::answer::Wrong;
use http::{HeaderMap, HeaderValue};
use sessile_protocol::headers::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use sessile_protocol::mirror::{Mismatch, check_exact, check_name};
use sessile_protocol::modern::{RequestMeta, is_removed, name_member};
use sessile_protocol::{Message, Method, ModernVersion, Object};

/// Checks a message in the order in which a client can put things right: the two places that name its version must agree;
/// then that version must be served, for another one may have other rules; then the other headers; then `_meta`; then the
/// method.
///
/// A notification needs neither headers nor `_meta`, for the specification asks for none; headers that are there must be
/// right.
pub(super) fn check(headers: &HeaderMap, message: &Message) -> Result<RequestMeta, Wrong> {
    let params = message.params().and_then(Object::parse).unwrap_or_default();
    let Some(method) = message.method() else {
        return Err(Wrong::Shape(
            "answers are not sent as messages in this protocol version: retry with inputResponses",
        ));
    };
    check_version(headers, message)?;
    check_names(headers, message, method, &params)?;
    if !message.is_request() {
        return Ok(RequestMeta::read(&params).unwrap_or_else(|_| nothing_said()));
    }
    let meta = RequestMeta::read(&params)?;
    if is_removed(method) { Err(Wrong::MethodNotFound(method.to_string())) } else { Ok(meta) }
}

fn check_version(headers: &HeaderMap, message: &Message) -> Result<(), Wrong> {
    let declared = message.modern_version();
    let sent = values(headers, MCP_PROTOCOL_VERSION).next();
    match (&declared, sent) {
        // That `_meta` lacks it is said once the headers are right.
        (None, Some(_)) => {}
        (_, None) if !message.is_request() => {}
        _ => {
            let declared = declared.as_deref().unwrap_or_default();
            check_exact("MCP-Protocol-Version", values(headers, MCP_PROTOCOL_VERSION), declared)?;
        }
    }
    let named = declared.or_else(|| sent.map(|sent| String::from_utf8_lossy(sent).into_owned()));
    match named {
        Some(version) if ModernVersion::parse(&version).is_none() => Err(Wrong::Unserved(version)),
        _ => Ok(()),
    }
}

fn check_names(headers: &HeaderMap, message: &Message, method: &Method, params: &Object<'_>) -> Result<(), Mismatch> {
    if message.is_request() || headers.contains_key(MCP_METHOD) {
        check_exact("Mcp-Method", values(headers, MCP_METHOD), method)?;
    }
    match name_member(method) {
        Some(member) => check_name(values(headers, MCP_NAME), params.string(member).as_deref()),
        None => Ok(()),
    }
}

fn values<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// The `_meta` of a notification that has none.
fn nothing_said() -> RequestMeta {
    RequestMeta {
        version: ModernVersion::V2026_07_28.to_string(),
        client_info: None,
        client_capabilities: "{}".to_owned(),
        log_level: None,
        session: None,
    }
}
