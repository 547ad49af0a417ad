//! Workspaces that principals keep: where they are, and what limits them.

use crate::out;
use sessile_manifest::{Kind, Manifest, Server, Workspace};
use sessile_store::Workspaces;
use std::path::Path;

/// Those of one server, if its principals keep any.
pub(super) fn of(server: &Server, state_dir: &Path) -> Option<Workspaces> {
    let keeps = server.files.workspace == Workspace::Principal && !matches!(server.kind, Kind::Url(_));
    keeps.then(|| Workspaces::of_server(state_dir, server.name.as_str(), sessile_sandbox::owner_of_kept_files()))
}

/// What `sessile check` says of them.
pub(super) fn explain(server: &Server, store: &Workspaces) -> String {
    format!(
        "writable: /workspace, which each caller keeps, in {}; {}",
        store.directory().display(),
        limit_in_words(server)
    )
}

/// What holds them to their limit.
pub(super) fn limit_in_words(server: &Server) -> String {
    format!(
        "`limits.disk` ({}) is counted there, every second at the soonest, and not enforced by the kernel: a session may write more \
         before it is ended for it",
        server.limits.disk
    )
}

/// Says of every server what does not hold there.
pub(super) fn report_shortfalls(manifest: &Manifest) {
    for server in &manifest.servers {
        if of(server, &manifest.node.state_dir).is_some() {
            out::note(&format!("server {}: files.workspace = \"principal\": {}", server.name, limit_in_words(server)));
        }
    }
}
