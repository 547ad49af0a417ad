//! Who is at the two ends of a session.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessile_protocol::meta::{SERVER_INFO, TASKS};
use sessile_protocol::{Era, LegacyVersion, ModernVersion, Object};

/// A client of the modern era, as a request's `_meta` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientProfile {
    /// `clientInfo`, a JSON object, where the client said it.
    pub info: Option<String>,
    /// `clientCapabilities`, a JSON object.
    pub capabilities: String,
}

/// A server, as its answer to `initialize` or `server/discover` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerProfile {
    /// What is spoken with it.
    pub era: Era,
    /// Its capabilities, a JSON object.
    pub capabilities: String,
    /// `serverInfo`, a JSON object, where the server said it.
    pub info: Option<String>,
    /// What it tells models about itself.
    pub instructions: Option<String>,
    /// A modern server's whole answer to `server/discover`, a JSON object.
    pub discovered: Option<String>,
}

impl ClientProfile {
    /// Whether the client declared a capability; see [`ServerProfile::has`].
    pub fn has(&self, path: &[&str]) -> bool {
        has(&self.capabilities, path)
    }
}

/// Whether there is a capability at `path`.
fn has(capabilities: &str, path: &[&str]) -> bool {
    let Ok(capabilities) = serde_json::from_str::<Value>(capabilities) else {
        return false;
    };
    let found = path.iter().try_fold(&capabilities, |value, name| value.get(name));
    found.is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
}

impl ServerProfile {
    /// Reads the result of `initialize`. `None` when it is not one, or names a version that nobody here knows.
    pub fn from_initialize(result: &str) -> Option<Self> {
        let result = Object::parse(result)?;
        let version = LegacyVersion::parse(&result.string("protocolVersion")?)?;
        let info = result.object("serverInfo").map(|info| info.to_json());
        Some(Self::read(Era::Legacy(version), &result, info, None))
    }

    /// Reads the result of `server/discover`. `None` when it is not one, or names no modern version that is known
    /// here.
    pub fn from_discover(raw: &str) -> Option<Self> {
        let result = Object::parse(raw)?;
        let supported: Vec<String> = serde_json::from_str(result.get("supportedVersions")?).ok()?;
        let version = supported.iter().filter_map(|version| ModernVersion::parse(version)).max()?;
        let meta = result.object("_meta").unwrap_or_default();
        let info = meta.object(SERVER_INFO).map(|info| info.to_json());
        Some(Self::read(Era::Modern(version), &result, info, Some(raw.to_owned())))
    }

    fn read(era: Era, result: &Object<'_>, info: Option<String>, discovered: Option<String>) -> Self {
        let capabilities = result.object("capabilities").unwrap_or_default().to_json();
        Self { era, capabilities, info, instructions: result.string("instructions"), discovered }
    }

    /// Whether the server declared a capability by itself, as `logging`, or one inside another, as
    /// `["resources", "subscribe"]`.
    pub fn has(&self, path: &[&str]) -> bool {
        has(&self.capabilities, path)
    }

    /// The result of `server/discover` for modern clients, without caching hints of its own: every version of
    /// `versions`, and the tasks extension when `offers_tasks`.
    pub fn discover_result(&self, versions: &[&str], offers_tasks: bool) -> String {
        let mut capabilities = Object::parse(&self.capabilities).unwrap_or_default();
        // Of the legacy era only (2025-11-25): the modern one has an extension instead.
        capabilities.remove("tasks");
        if offers_tasks {
            let mut extensions = capabilities.object("extensions").unwrap_or_default();
            extensions.set(TASKS, "{}");
            let extensions = extensions.to_json();
            capabilities.set("extensions", extensions);
        }
        let mut result = self.discovered.as_deref().and_then(Object::parse).unwrap_or_default();
        result.set("resultType", r#""complete""#);
        result.set("supportedVersions", Value::from(versions.to_vec()).to_string());
        result.set("capabilities", capabilities.to_json());
        if let Some(instructions) = &self.instructions {
            result.set_string("instructions", instructions);
        }
        if let Some(info) = &self.info {
            let mut meta = result.object("_meta").unwrap_or_default();
            meta.set(SERVER_INFO, info.as_str());
            let meta = meta.to_json();
            result.set("_meta", meta);
        }
        result.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_eras_describe_a_server_alike() {
        let initialized = ServerProfile::from_initialize(
            r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"tasks":{}},
                "serverInfo":{"name":"x","version":"1"},"instructions":"be kind"}"#,
        )
        .unwrap();
        assert!(initialized.has(&["tools", "listChanged"]) && !initialized.has(&["logging"]));
        let discovered = initialized.discover_result(&["2026-07-28"], true);
        let read = ServerProfile::from_discover(&discovered).unwrap();
        assert_eq!(read.era, Era::Modern(ModernVersion::V2026_07_28));
        assert_eq!((&read.info, &read.instructions), (&initialized.info, &initialized.instructions));
        assert!(read.has(&["extensions", TASKS]) && !read.has(&["tasks"]), "{discovered}");
    }

    #[test]
    fn what_is_no_profile_is_none() {
        for text in ["{}", "[]", r#"{"protocolVersion":"1999-01-01"}"#, r#"{"supportedVersions":["1999-01-01"]}"#] {
            assert_eq!(ServerProfile::from_initialize(text), None);
            assert_eq!(ServerProfile::from_discover(text), None);
        }
    }
}
