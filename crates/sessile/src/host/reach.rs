//! What servers may reach of the network, as they say it.

use super::Failure;
use crate::out;
use sessile_egress::AllowList;
use sessile_manifest::{Isolation, Kind, Manifest, Server};

/// The list of one server.
///
/// # Errors
/// In words, with key and entry, when an entry cannot be read.
pub(super) fn list_of(server: &Server) -> Result<AllowList, String> {
    AllowList::parse(&server.egress).map_err(|error| format!("egress.allow: {error}"))
}

/// Refuses a manifest with a list that cannot be read, before anything is started or installed.
pub(super) fn check(manifest: &Manifest) -> Result<(), Failure> {
    for server in &manifest.servers {
        list_of(server).map_err(|error| Failure::Usage(format!("server {}: {error}", server.name)))?;
        if server.isolation == Isolation::Microvm && !server.egress.is_empty() {
            return Err(Failure::Usage(format!(
                "server {}: egress.allow: a microVM has no way through the gate yet; remove the list, or use isolation \"process\"",
                server.name
            )));
        }
    }
    Ok(())
}

/// Says which lists hold nobody, since their servers are plain processes.
pub(super) fn warn_of_idle_lists(manifest: &Manifest) {
    let is_idle = |server: &&Server| {
        server.isolation == Isolation::None && !matches!(server.kind, Kind::Url(_)) && !server.egress.is_empty()
    };
    for server in manifest.servers.iter().filter(is_idle) {
        out::note(&format!(
            "server {}: egress.allow has no effect with isolation \"none\": it reaches whatever this host reaches",
            server.name
        ));
    }
}
