//! `strict = true`: what this host cannot enforce keeps a server from starting.

use sessile_manifest::ServerName;
use sessile_sandbox::Capabilities;

/// Why a strict server must not start with what `driver` can do, if it must not: each gap, with what to do about it.
pub(super) fn refusal(server: &ServerName, driver: &Capabilities) -> Option<String> {
    let gaps: Vec<_> = driver.gaps().map(|row| format!("\n  {}: {}", row.feature, row.strength)).collect();
    (!gaps.is_empty()).then(|| {
        format!(
            "server {server} has `strict = true`, and this host does not enforce all that it asks for:{}\ndo what the lines say, or remove `strict`",
            gaps.concat()
        )
    })
}

#[cfg(test)]
mod tests;
