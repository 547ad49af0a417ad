//! `strict = true`: what this host cannot enforce keeps a server from starting.

use super::workspaces;
use sessile_manifest::{Server, Workspace};
use sessile_sandbox::{Capabilities, Feature};

/// Why a strict server must not start with what `driver` can do, if it must not: each gap, with what to do about it.
pub(super) fn refusal(server: &Server, driver: &Capabilities) -> Option<String> {
    let mut gaps: Vec<_> = driver.gaps().map(|row| format!("\n  {}: {}", row.feature, row.strength)).collect();
    if server.files.workspace == Workspace::Principal {
        let limit = workspaces::limit_in_words(server);
        gaps.push(format!("\n  {}: fallback: {limit}; write another `files.workspace`", Feature::Disk));
    }
    (!gaps.is_empty()).then(|| {
        format!(
            "server {} has `strict = true`, and this host does not enforce all that it asks for:{}\ndo what the lines say, or remove `strict`",
            server.name,
            gaps.concat()
        )
    })
}

#[cfg(test)]
mod tests;
