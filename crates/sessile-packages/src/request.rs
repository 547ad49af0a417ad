//! What is asked for: packages of a registry, and a program of theirs.

use std::fmt::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Where packages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registry {
    /// The registry that the host's npm is configured for.
    Npm,
    /// The index that the host's pip is configured for.
    Pypi,
}

impl Registry {
    /// As in a manifest: `npm` or `pypi`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The program to run of what is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one that the first package is for: its only one, or the one of its name.
    Default,
    /// The one of this name, from any of the packages.
    Named(String),
    /// Python itself, with the packages to import.
    Interpreter,
}

/// Packages, and a program of theirs with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    /// Where they come from.
    pub registry: Registry,
    /// What to install, as the registry's own tool takes it: `@scope/name@1.2`, `name[extra]>=2`, `git+https://…`.
    /// The first gives the program; empty only with [`Program::Interpreter`].
    pub packages: Vec<String>,
    /// What to run.
    pub program: Program,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The Python to use: a version (`3.12`) or a path. `None`: `python3`.
    pub python: Option<String>,
    /// A registry other than the configured one, and further ones, as given on the command line. May hold credentials.
    pub indexes: Indexes,
    /// Whether versions before a release count.
    pub prerelease: bool,
}

/// Registries named on a command line.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct Indexes {
    /// Instead of the configured one.
    pub main: Option<String>,
    /// Besides it (PyPI only).
    pub extra: Vec<String>,
    /// Directories or pages of files (PyPI only).
    pub links: Vec<String>,
}

/// URLs of private registries carry passwords: debug output says only how many there are.
impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = usize::from(self.main.is_some()) + self.extra.len() + self.links.len();
        write!(f, "Indexes({count})")
    }
}

impl PackageRequest {
    /// A request for one package's own program.
    pub fn new(registry: Registry, package: impl Into<String>) -> Self {
        Self {
            registry,
            packages: vec![package.into()],
            program: Program::Default,
            args: Vec::new(),
            python: None,
            indexes: Indexes::default(),
            prerelease: false,
        }
    }

    /// What to call it in messages: `npm:@scope/name@1.2`.
    pub fn label(&self) -> String {
        format!("{}:{}", self.registry, self.packages.first().map_or("python", String::as_str))
    }

    /// Names the installation. Requests that differ only in program and arguments share one.
    pub(crate) fn key(&self) -> String {
        let what = (self.registry, &self.packages, &self.python, &self.indexes, self.prerelease);
        // Plain strings, lists and booleans: there is nothing in it that JSON cannot say.
        let bytes = serde_json::to_vec(&what).unwrap_or_default();
        let slug = slug(self.packages.first().map_or("python", String::as_str));
        format!("{}-{slug}-{}", self.registry, hex(&Sha256::digest(bytes), 6))
    }
}

/// The first `bytes` bytes in hexadecimal.
pub(crate) fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Letters, digits and single dashes, at most 40: for people who look into the store.
fn slug(package: &str) -> String {
    let name = package.rsplit_once('/').filter(|_| package.contains("://")).map_or(package, |(_, last)| last);
    let mut slug = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(40);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests;
