//! Which versions took part.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::SuiteArgs;

/// The versions that the options name, and those of the peers as their installers recorded them.
pub(super) fn read(args: &SuiteArgs) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([("sessile-bench".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    let named = args.version_of.iter().filter_map(|text| text.split_once('='));
    versions.extend(named.map(|(name, version)| (name.to_owned(), version.to_owned())));
    versions.extend(crates(&args.peers));
    let package = args.peers.join("npm/node_modules/supergateway/package.json");
    versions.extend(npm_version(&package).map(|version| ("supergateway".to_owned(), version)));
    versions
}

/// `cargo install` keeps `.crates.toml`, with lines such as `"mcpway 0.2.1 (registry+…)" = ["mcpway"]`.
fn crates(peers: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(peers.join(".crates.toml")).unwrap_or_default();
    let entries = text.lines().filter_map(|line| line.trim().strip_prefix('"'));
    entries
        .filter_map(|entry| {
            let mut words = entry.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect()
}

fn npm_version(package: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let text = std::fs::read_to_string(package).ok()?;
    Some(serde_json::from_str::<Package>(&text).ok()?.version)
}
