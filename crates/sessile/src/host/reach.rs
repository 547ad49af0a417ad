//! What servers may reach of the network, as they say it.

use super::Failure;
use crate::out;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sessile_egress::{AllowList, Upstream};
use sessile_manifest::{Isolation, Kind, Manifest, Server};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of a file of credentials that are read.
const MOST_CREDENTIALS: u64 = 4096;

/// The list of one server.
///
/// # Errors
/// In words, with key and entry, when an entry cannot be read.
pub(super) fn list_of(server: &Server) -> Result<AllowList, String> {
    AllowList::parse(&server.egress).map_err(|error| format!("egress.allow: {error}"))
}

/// The proxy that everything goes through, with what it asks for, if there is one.
pub(super) fn upstream(manifest: &Manifest) -> Result<Option<Upstream>, Failure> {
    let Some(url) = &manifest.node.egress_proxy else { return Ok(None) };
    let authorization = manifest.node.egress_proxy_credentials.as_deref().map(authorization).transpose()?;
    let upstream = Upstream::new(url, authorization);
    Ok(Some(upstream.map_err(|error| Failure::Usage(format!("node.egress_proxy: {error}")))?))
}

/// `Proxy-Authorization` for what `file` holds.
fn authorization(file: &Path) -> Result<String, Failure> {
    let wrong = |what: &str| Failure::Usage(format!("node.egress_proxy_credentials: {} {what}", file.display()));
    let unreadable = |error: std::io::Error| wrong(&format!("cannot be read: {error}"));
    let mut text = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    // Asked of the open file, so that what is checked is what is read.
    let mode = opened.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("is open to other users of this machine (mode {mode:04o}); run `chmod 600` on it")));
    }
    opened.take(MOST_CREDENTIALS).read_to_string(&mut text).map_err(unreadable)?;
    let line = text.trim_end_matches(['\n', '\r']);
    if !line.contains(':') || line.contains(['\n', '\r']) {
        return Err(wrong("does not hold one line `USER:PASSWORD`"));
    }
    Ok(format!("Basic {}", STANDARD.encode(line)))
}

/// What is to be known of the proxy, if there is one.
pub(super) fn upstream_in_words(manifest: &Manifest) -> Option<String> {
    manifest.node.egress_proxy.as_ref().map(|url| {
        format!(
            "egress: through the proxy {url}, which resolves the names: only names are checked here, not the addresses that they lead to"
        )
    })
}

/// Refuses a manifest with a list or a proxy that cannot be used, before anything is started or installed.
pub(super) fn check(manifest: &Manifest) -> Result<(), Failure> {
    upstream(manifest)?;
    for server in &manifest.servers {
        list_of(server).map_err(|error| Failure::Usage(format!("server {}: {error}", server.name)))?;
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
