//! The two eras of the protocol, as much of them as a client that only puts load on a server must know.

use anyhow::Context;
use http::header::HeaderMap;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::message::{check_tool_result, text_of};
use super::{Fault, MODERN_VERSION};

/// How the client speaks, and how it keeps to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Dialect {
    /// `initialize`, then `Mcp-Session-Id` on each request (2025-11-25).
    #[default]
    Legacy,
    /// Metadata on each request (2026-07-28), and `Sessile-Session` to name the session.
    Modern,
    /// Metadata on each request, and no session named.
    Stateless,
}

impl Dialect {
    /// Whether it is of 2026-07-28.
    pub fn is_modern(self) -> bool {
        self != Self::Legacy
    }
}

/// What is asked again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Ask {
    /// One call of the tool.
    #[default]
    #[value(name = "tools/call")]
    Call,
    /// The list of tools.
    #[value(name = "tools/list")]
    ListTools,
    /// What the server is; 2026-07-28 only.
    #[value(name = "server/discover")]
    Discover,
}

impl Ask {
    /// The method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Call => "tools/call",
            Self::ListTools => "tools/list",
            Self::Discover => "server/discover",
        }
    }

    /// The parameters of the request, for a call of `tool` with `arguments`, which is a JSON object.
    ///
    /// # Errors
    /// When `arguments` is not a JSON object.
    pub(super) fn params(self, tool: &str, arguments: &str, dialect: Dialect) -> anyhow::Result<Map<String, Value>> {
        let arguments: Map<String, Value> =
            serde_json::from_str(arguments).context("tool arguments must be a JSON object")?;
        let mut params = Map::new();
        if self == Self::Call {
            params.insert("name".to_owned(), tool.into());
            params.insert("arguments".to_owned(), arguments.into());
        }
        if dialect.is_modern() {
            params.insert("_meta".to_owned(), meta());
        }
        Ok(params)
    }

    /// The headers that repeat what a modern request says in its body.
    ///
    /// # Errors
    /// When the tool's name cannot stand in a header.
    pub(super) fn headers(self, tool: &str) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let mut add = |name, value| headers.insert(HeaderName::from_static(name), value);
        add("mcp-protocol-version", HeaderValue::from_static(MODERN_VERSION));
        add("mcp-method", HeaderValue::from_static(self.method()));
        if self == Self::Call {
            add("mcp-name", HeaderValue::from_str(tool).context("the tool's name cannot stand in a header")?);
        }
        Ok(headers)
    }

    /// Checks that `result` is what was asked for.
    ///
    /// # Errors
    /// When it is something else, or the report of a failure.
    pub(super) fn check(self, result: &RawValue) -> Result<(), Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Discovered {
            supported_versions: Vec<IgnoredAny>,
        }
        #[derive(Deserialize)]
        struct Listed {
            tools: Vec<IgnoredAny>,
        }
        let counted = match self {
            Self::Call => return check_tool_result(result),
            Self::ListTools => serde_json::from_str(result.get()).map(|listed: Listed| listed.tools.len()),
            Self::Discover => serde_json::from_str(result.get()).map(|it: Discovered| it.supported_versions.len()),
        };
        if counted.is_ok_and(|count| count > 0) { Ok(()) } else { Err(Fault::Malformed(text_of(result))) }
    }
}

/// The `_meta` of each modern request. Forms can be filled in, so that calls that ask can be parked.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
        "io.modelcontextprotocol/clientInfo": { "name": "sessile-bench", "version": env!("CARGO_PKG_VERSION") }
    })
}
