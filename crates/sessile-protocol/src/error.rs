//! Error codes, and the messages that Sessile itself makes.
//!
//! Codes from -32000 to -32019 are left to implementations; what each means here is part of Sessile's contract
//! with clients. The codes of JSON-RPC and of MCP keep their meaning.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::RequestId;

/// The bytes are not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i64 = -32700;
/// The JSON is not a valid request (JSON-RPC 2.0, section 5.1).
pub const INVALID_REQUEST: i64 = -32600;
/// The method does not exist (JSON-RPC 2.0, section 5.1).
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters are wrong (JSON-RPC 2.0, section 5.1).
pub const INVALID_PARAMS: i64 = -32602;
/// Something failed inside (JSON-RPC 2.0, section 5.1).
pub const INTERNAL_ERROR: i64 = -32603;
/// There is no such resource (MCP up to 2025-11-25).
pub const RESOURCE_NOT_FOUND: i64 = -32002;
/// HTTP headers and body disagree, or a header is missing (MCP 2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a capability that its client did not declare (MCP 2026-07-28).
pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
/// The version is not served (MCP 2026-07-28).
pub const UNSUPPORTED_VERSION: i64 = -32022;
/// The user must open a URL before the request can succeed (MCP 2025-11-25).
pub const URL_ELICITATION_REQUIRED: i64 = -32042;

/// The server ended before it answered, or its answer could not be passed on.
pub const SERVER_GONE: i64 = -32000;
/// There is no such session for this caller.
pub const SESSION_NOT_FOUND: i64 = -32001;
/// The node, the principal's share of it, or the session is full. The same request may succeed later.
pub const BUSY: i64 = -32003;
/// The server could not be started.
pub const START_FAILED: i64 = -32006;
/// Nobody answered within the request timeout.
pub const TIMEOUT: i64 = -32007;
/// The client gave the request up.
pub const CANCELLED: i64 = -32008;
/// A policy forbids the request.
pub const POLICY: i64 = -32010;

/// The `error` of a JSON-RPC response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// What kind of error.
    pub code: i64,
    /// What happened, in one line.
    pub message: Cow<'static, str>,
    /// Details for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl ErrorObject {
    /// An error without details.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same error with details.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

/// A response that says `error`. Without an id it has `"id": null`: nobody could tell which request was meant.
pub fn error_response(id: Option<&RequestId>, error: &ErrorObject) -> Bytes {
    let mut text = format!(r#"{{"code":{},"message":"#, error.code);
    text.push_str(&Value::from(error.message.as_ref()).to_string());
    if let Some(data) = &error.data {
        text.push_str(r#","data":"#);
        text.push_str(&data.to_string());
    }
    text.push('}');
    raw_error(id.map_or("null", RequestId::as_json), &text)
}

/// A response that says `error` in words that are JSON text already, to the request of this id, JSON text too.
pub fn raw_error(id: &str, error: &str) -> Bytes {
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
}

/// A response that says `result`.
pub fn result_response(id: &RequestId, result: &Value) -> Bytes {
    raw_result(id.as_json(), &result.to_string())
}

/// A response that says `result`, which is JSON text already, to the request of this id, JSON text too.
pub fn raw_result(id: &str, result: &str) -> Bytes {
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#))
}

/// A request. Without params it has no such member.
pub fn request(id: &RequestId, method: &str, params: Option<&Value>) -> Bytes {
    let params = params_member(params);
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{}{params}}}"#, Value::from(method)))
}

/// A notification. Without params it has no such member.
pub fn notification(method: &str, params: Option<&Value>) -> Bytes {
    let params = params_member(params);
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","method":{}{params}}}"#, Value::from(method)))
}

/// The notification that gives up request `id`, with a reason for people.
pub fn cancelled(id: &RequestId, reason: &str) -> Bytes {
    // Not through `Value`: an integer id may be longer than any number type.
    let reason = Value::from(reason);
    Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":{reason}}}}}"#
    ))
}

fn params_member(params: Option<&Value>) -> String {
    params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default()
}
