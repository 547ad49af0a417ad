//! The few JSON-RPC messages that the load generator sends, and the check of what comes back.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Ask, Dialect, Fault};

/// The newest version of the legacy era, which is what a legacy client asks for.
pub const PROTOCOL_VERSION: &str = "2025-11-25";
/// The version of the modern era.
pub const MODERN_VERSION: &str = "2026-07-28";

/// How request ids are written. JSON-RPC allows both; some gateways answer only one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum IdStyle {
    /// `"id": 7`, as the official SDKs write it.
    #[default]
    Number,
    /// `"id": "7"`.
    Text,
}

impl IdStyle {
    /// `id` as it stands in a message.
    pub fn write(self, id: u64) -> String {
        match self {
            Self::Number => id.to_string(),
            Self::Text => format!("\"{id}\""),
        }
    }
}

/// The body of an `initialize` request.
pub fn initialize(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{PROTOCOL_VERSION}","capabilities":{{}},"clientInfo":{{"name":"sessile-bench","version":"{}"}}}}}}"#,
        env!("CARGO_PKG_VERSION")
    )
}

/// The body of the notification that follows `initialize`.
pub fn initialized() -> &'static str {
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
}

/// A request with fixed parameters, mostly a `tools/call` of one tool, ready but for its id.
#[derive(Debug, Clone)]
pub struct CallTemplate {
    tail: String,
    params: Map<String, Value>,
    ids: IdStyle,
}

impl CallTemplate {
    /// A legacy call of `tool` with `arguments`, which is a JSON object.
    ///
    /// # Errors
    /// When `arguments` is not a JSON object.
    pub fn new(tool: &str, arguments: &str, ids: IdStyle) -> anyhow::Result<Self> {
        Self::asking(Ask::Call, Dialect::Legacy, tool, arguments, ids)
    }

    /// What `ask` and `dialect` say; `tool` and `arguments`, a JSON object, are for calls.
    ///
    /// # Errors
    /// When `arguments` is not a JSON object.
    pub fn asking(ask: Ask, dialect: Dialect, tool: &str, arguments: &str, ids: IdStyle) -> anyhow::Result<Self> {
        let params = ask.params(tool, arguments, dialect)?;
        let tail = format!(r#","method":"{}","params":{}}}"#, ask.method(), Value::Object(params.clone()));
        Ok(Self { tail, params, ids })
    }

    /// A call once more, with answers to what it asked and the state that leads back to it.
    pub(super) fn retry(&self, id: &str, responses: &Value, state: &str) -> Bytes {
        let mut params = self.params.clone();
        params.insert("inputResponses".to_owned(), responses.clone());
        params.insert("requestState".to_owned(), state.into());
        let params = Value::Object(params);
        Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#))
    }

    /// The message with this id, room for a line end included.
    pub fn text(&self, id: &str) -> String {
        const HEAD: &str = r#"{"jsonrpc":"2.0","id":"#;
        let mut text = String::with_capacity(HEAD.len() + id.len() + self.tail.len() + 1);
        text.push_str(HEAD);
        text.push_str(id);
        text.push_str(&self.tail);
        text
    }

    /// The message with this id, as the body of a request.
    pub fn body(&self, id: &str) -> Bytes {
        Bytes::from(self.text(id))
    }

    /// How this template writes ids.
    pub fn ids(&self) -> IdStyle {
        self.ids
    }
}

/// What a message from the server is to a client that waits for one answer.
#[derive(Debug)]
pub enum Message<'a> {
    /// The result that was waited for.
    Result(&'a RawValue),
    /// A notification or a request of the server: neither is the answer.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Reads one message of the server, while the request `id` waits for its answer.
///
/// # Errors
/// When it is not JSON-RPC, answers another request, or is an error.
pub fn read<'a>(bytes: &'a [u8], id: &str) -> Result<Message<'a>, Fault> {
    let malformed = || Fault::Malformed(Fault::excerpt(bytes));
    let envelope: Envelope<'a> = serde_json::from_slice(bytes).map_err(|_| malformed())?;
    if envelope.method.is_some() {
        return Ok(Message::Other);
    }
    if let Some(error) = envelope.error {
        return Err(Fault::Refused(Fault::excerpt(error.get().as_bytes())));
    }
    let result = envelope.result.ok_or_else(malformed)?;
    let got = envelope.id.map_or("null", RawValue::get);
    if got != id {
        return Err(Fault::WrongId { got: Fault::excerpt(got.as_bytes()), expected: id.to_owned() });
    }
    Ok(Message::Result(result))
}

/// A result in a fault, cut short.
pub(super) fn text_of(result: &RawValue) -> String {
    Fault::excerpt(result.get().as_bytes())
}

/// Checks that `result` is a tool's result and not the report of its failure.
///
/// # Errors
/// When `isError` is set or there is no `content`.
pub(crate) fn check_tool_result(result: &RawValue) -> Result<(), Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ToolResult {
        #[serde(default)]
        is_error: bool,
        content: Vec<serde::de::IgnoredAny>,
    }
    match serde_json::from_str::<ToolResult>(result.get()) {
        Ok(tool) if tool.is_error => Err(Fault::ToolFailed(text_of(result))),
        Ok(tool) => {
            drop(tool.content);
            Ok(())
        }
        Err(_) => Err(Fault::Malformed(text_of(result))),
    }
}

/// The protocol version that the server chose in its answer to `initialize`.
///
/// # Errors
/// When the answer names none.
pub(crate) fn chosen_version(result: &RawValue) -> Result<String, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialized {
        protocol_version: String,
    }
    serde_json::from_str::<Initialized>(result.get())
        .map(|initialized| initialized.protocol_version)
        .map_err(|_| Fault::Malformed(text_of(result)))
}
