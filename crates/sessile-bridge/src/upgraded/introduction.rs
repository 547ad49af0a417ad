//! What every modern request says of its client: in the legacy era the client said it once, in `initialize`.

use serde::{Deserialize, Serialize};
use sessile_protocol::meta::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, of_params};
use sessile_protocol::{LogLevel, ModernVersion, Object};

/// The version that the server is spoken to in.
const VERSION: ModernVersion = ModernVersion::V2026_07_28;

/// Who the client is and what it wants, as `_meta` of each request says it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Introduction {
    /// JSON objects.
    capabilities: String,
    info: Option<String>,
    level: Option<LogLevel>,
}

impl Default for Introduction {
    fn default() -> Self {
        Self::new(&Object::new())
    }
}

impl Introduction {
    /// From the parameters of `initialize`.
    pub(super) fn new(params: &Object<'_>) -> Self {
        let declared = params.object("capabilities").unwrap_or_default();
        let mut capabilities = Object::new();
        for name in ["elicitation", "sampling", "roots", "experimental"] {
            let Some(mut capability) = declared.object(name) else {
                continue;
            };
            if name == "roots" {
                // The modern era has no notification for it.
                capability.remove("listChanged");
            }
            capabilities.set(name, capability.to_json());
        }
        Self {
            capabilities: capabilities.to_json(),
            info: params.object("clientInfo").map(|info| info.to_json()),
            level: None,
        }
    }

    /// The least severe log message that the client wants to have.
    pub(super) fn set_level(&mut self, level: LogLevel) {
        self.level = Some(level);
    }

    /// Adds it to the parameters of a request. Other members of `_meta` stay.
    pub(super) fn sign(&self, params: &mut Object<'_>) {
        let mut meta = of_params(params);
        meta.set_string(PROTOCOL_VERSION, VERSION.as_str());
        meta.set(CLIENT_CAPABILITIES, self.capabilities.as_str());
        if let Some(info) = &self.info {
            meta.set(CLIENT_INFO, info.as_str());
        }
        if let Some(level) = self.level {
            meta.set_string(LOG_LEVEL, level.as_str());
        }
        let meta = meta.to_json();
        params.set("_meta", meta);
    }

    /// The capabilities that the server was told of.
    pub(super) fn capabilities(&self) -> Object<'_> {
        Object::parse(&self.capabilities).unwrap_or_default()
    }
}
