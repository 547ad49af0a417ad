//! npm's own record of what it installed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::LockedPackage;

/// What is needed of `package-lock.json`.
#[derive(Debug)]
pub(super) struct PackageLock {
    pub(super) packages: Vec<LockedPackage>,
    /// Whether a package wants to run something when it is installed.
    pub(super) has_scripts: bool,
    top: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    packages: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    resolved: Option<String>,
    #[serde(default)]
    has_install_script: bool,
}

const FOLDER: &str = "node_modules/";

impl PackageLock {
    pub(super) fn read(staging: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(staging.join("package-lock.json"))
            .map_err(|error| format!("npm left no package-lock.json: {error}"))?;
        Self::parse(&bytes, |place| staging.join(place).exists())
    }

    /// `is_there`: the record lists packages for every platform, of which one set is installed.
    fn parse(bytes: &[u8], is_there: impl Fn(&str) -> bool) -> Result<Self, String> {
        // npm 6 and older write no `packages`.
        let file: File = serde_json::from_slice(bytes)
            .map_err(|error| format!("npm's package-lock.json: {error}; npm 7 or newer is needed"))?;
        let mut lock = Self { packages: Vec::new(), has_scripts: false, top: BTreeMap::new() };
        for (place, entry) in file.packages {
            let Some((above, folder)) = place.rsplit_once(FOLDER) else { continue };
            if !is_there(&place) {
                continue;
            }
            lock.has_scripts |= entry.has_install_script;
            let version = entry.version.unwrap_or_default();
            if above.is_empty() {
                lock.top.insert(folder.to_owned(), version.clone());
            }
            // Of a git repository only the commit: its address may hold a password.
            let commit =
                entry.resolved.as_deref().and_then(|url| url.rsplit_once('#')).map(|(_, commit)| commit.to_owned());
            let hash = entry.integrity.or(commit).unwrap_or_else(|| "unknown".to_owned());
            lock.packages.push(LockedPackage { name: entry.name.unwrap_or_else(|| folder.to_owned()), version, hash });
        }
        Ok(lock)
    }

    pub(super) fn version_of(&self, package: &str) -> Option<String> {
        self.top.get(package).cloned()
    }
}

#[cfg(test)]
mod tests;
