//! What a request of the modern era is made of (2026-07-28).

mod request_meta;

#[cfg(test)]
mod tests;

pub use request_meta::{MetaError, RequestMeta};

use crate::{LegacyVersion, ModernVersion};

/// Every version that is served, of both eras, newest first: what `server/discover` and `-32022` name.
pub const SERVED_VERSIONS: [&str; 5] = [
    ModernVersion::V2026_07_28.as_str(),
    LegacyVersion::V2025_11_25.as_str(),
    LegacyVersion::V2025_06_18.as_str(),
    LegacyVersion::V2025_03_26.as_str(),
    LegacyVersion::V2024_11_05.as_str(),
];

/// Whether clients of this era send requests of this method: those of the specification, and of the tasks extension
/// (SEP-2663). Other extensions may add their own.
pub fn is_request(method: &str) -> bool {
    matches!(
        method,
        "completion/complete"
            | "prompts/get"
            | "prompts/list"
            | "resources/list"
            | "resources/read"
            | "resources/templates/list"
            | "server/discover"
            | "subscriptions/listen"
            | "tasks/cancel"
            | "tasks/get"
            | "tasks/update"
            | "tools/call"
            | "tools/list"
    )
}

/// Whether clients of the legacy era sent requests of this method, and those of this era must not: it is answered
/// `-32601`, whatever a server makes of it.
pub fn is_removed(method: &str) -> bool {
    matches!(
        method,
        "initialize"
            | "logging/setLevel"
            | "ping"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "tasks/list"
            | "tasks/result"
    )
}

/// Whether a request of this method exists in this era alone.
pub fn is_new(method: &str) -> bool {
    matches!(method, "server/discover" | "subscriptions/listen" | "tasks/update")
}

/// The member of `params` that `Mcp-Name` repeats, for methods that have the header (SEP-2243, SEP-2663).
pub fn name_member(method: &str) -> Option<&'static str> {
    match method {
        "prompts/get" | "tools/call" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/cancel" | "tasks/get" | "tasks/update" => Some("taskId"),
        _ => None,
    }
}

/// Whether results of this method carry `ttlMs` and `cacheScope` (SEP-2549).
pub fn is_cacheable(method: &str) -> bool {
    matches!(
        method,
        "prompts/list"
            | "resources/list"
            | "resources/read"
            | "resources/templates/list"
            | "server/discover"
            | "tools/list"
    )
}
