//! What an installation consists of: written once, beside the files it describes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::request::{Registry, hex};

/// The record's file name inside an installation.
pub(crate) const FILE: &str = "sessile.lock.json";
/// Changes when older records can no longer be read; such installations are made anew.
const FORMAT: u32 = 1;

/// One package of an installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What identifies its content: npm's `integrity`, the archive's `sha256:…`, or a commit.
    pub hash: String,
}

/// The record of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    format: u32,
    /// As [`PackageRequest::label`](crate::PackageRequest::label) has it.
    pub(crate) label: String,
    pub(crate) registry: Registry,
    /// The first package that was asked for.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Over all packages: two installations with the same digest run the same code.
    pub(crate) digest: String,
    /// What the programs run on; when it goes, the installation is made anew.
    pub(crate) interpreter: PathBuf,
    /// How to start each program.
    pub(crate) programs: BTreeMap<String, Vec<String>>,
    /// The program of the first package, if it is clear which.
    pub(crate) default: Option<String>,
    pub(crate) packages: Vec<LockedPackage>,
    /// Seconds since 1970.
    pub(crate) installed_at: u64,
}

/// What an installer found out about what it installed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) interpreter: PathBuf,
    pub(crate) programs: BTreeMap<String, Vec<String>>,
    pub(crate) default: Option<String>,
    pub(crate) packages: Vec<LockedPackage>,
}

impl Lock {
    pub(crate) fn new(label: String, registry: Registry, mut outcome: Outcome) -> Self {
        outcome.packages.sort();
        outcome.packages.dedup();
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            format: FORMAT,
            label,
            registry,
            name: outcome.name,
            version: outcome.version,
            digest: digest(&outcome.packages),
            interpreter: outcome.interpreter,
            programs: outcome.programs,
            default: outcome.default,
            packages: outcome.packages,
            installed_at: since_1970.map_or(0, |since| since.as_secs()),
        }
    }

    /// Reads the record of an installation. `None` where it is missing, damaged, or of another format: then there is no
    /// installation.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let bytes = std::fs::read(directory.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|lock: &Self| lock.format == FORMAT)
    }

    pub(crate) fn write(&self, directory: &Path) -> std::io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        std::fs::write(directory.join(FILE), bytes)
    }
}

fn digest(packages: &[LockedPackage]) -> String {
    let mut hasher = Sha256::new();
    for LockedPackage { name, version, hash } in packages {
        hasher.update(format!("{name} {version} {hash}\n"));
    }
    format!("sha256:{}", hex(&hasher.finalize(), 32))
}

#[cfg(test)]
mod tests;
