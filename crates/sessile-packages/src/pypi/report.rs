//! pip's own record of what it installed (`--report`, pip 22.2 and newer).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::normal;
use crate::LockedPackage;

/// What is needed of the report.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    install: Vec<Item>,
}

/// One distribution.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    requested: bool,
    download_info: Download,
    metadata: Metadata,
}

/// Its name and version.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
struct Download {
    archive_info: Option<Archive>,
    vcs_info: Option<Commit>,
}

#[derive(Debug, Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    /// Older: `sha256=…`.
    hash: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    commit_id: String,
}

impl Report {
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map_err(|error| format!("pip left no report: {error}"))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("pip's report: {error}"))
    }

    /// The package that was asked for by this name; of an address, the first that was asked for at all.
    pub(super) fn main(&self, wanted: Option<&str>) -> Option<&Metadata> {
        let wanted = wanted.map(normal);
        let by_name = self.install.iter().find(|item| wanted.as_ref() == Some(&normal(&item.metadata.name)));
        by_name.or_else(|| self.install.iter().find(|item| item.requested)).map(|item| &item.metadata)
    }

    pub(super) fn packages(&self) -> Vec<LockedPackage> {
        self.install
            .iter()
            .map(|item| LockedPackage {
                name: normal(&item.metadata.name),
                version: item.metadata.version.clone(),
                hash: item.download_info.hash(),
            })
            .collect()
    }
}

impl Download {
    fn hash(&self) -> String {
        let archive = self.archive_info.as_ref();
        let sha256 = archive.and_then(|archive| archive.hashes.get("sha256")).map(|hash| format!("sha256:{hash}"));
        let older = archive.and_then(|archive| archive.hash.as_ref()).map(|hash| hash.replacen('=', ":", 1));
        let commit = self.vcs_info.as_ref().map(|vcs| vcs.commit_id.clone());
        sha256.or(older).or(commit).unwrap_or_else(|| "unknown".to_owned())
    }
}

#[cfg(test)]
mod tests;
