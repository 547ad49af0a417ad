//! `package = "npm:NAME@VERSION"` and `package = "pypi:NAME==VERSION"`.

use std::fmt;
use std::str::FromStr;

/// A program published in a package registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Package {
    /// Where it is published.
    pub registry: Registry,
    /// Its name there, with the scope for npm: `@modelcontextprotocol/server-everything`.
    pub name: String,
    /// The exact version; without one, the newest at the time of the first installation.
    pub version: Option<String>,
}

/// A package registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registry {
    /// npm, run by Node.js.
    Npm,
    /// PyPI, run by Python.
    PyPi,
}

/// Text that does not name a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPackage(&'static str);

impl fmt::Display for NotAPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAPackage {}

const UNKNOWN_REGISTRY: NotAPackage =
    NotAPackage("not a package; write \"npm:NAME@VERSION\" or \"pypi:NAME==VERSION\"");
const NOT_NPM: NotAPackage =
    NotAPackage("not an npm package; write \"npm:NAME@VERSION\" or \"npm:@SCOPE/NAME@VERSION\" with an exact version");
const NOT_PYPI: NotAPackage = NotAPackage("not a PyPI package; write \"pypi:NAME==VERSION\" with an exact version");

impl FromStr for Package {
    type Err = NotAPackage;

    fn from_str(text: &str) -> Result<Self, NotAPackage> {
        match text.split_once(':') {
            Some(("npm", package)) => npm(package),
            Some(("pypi", package)) => pypi(package),
            _ => Err(UNKNOWN_REGISTRY),
        }
    }
}

fn npm(text: &str) -> Result<Package, NotAPackage> {
    // The `@` of a scope is not the one before the version.
    let (scope, rest) = match text.strip_prefix('@') {
        Some(scoped) => {
            let (scope, rest) = scoped.split_once('/').ok_or(NOT_NPM)?;
            (Some(scope), rest)
        }
        None => (None, text),
    };
    let (name, version) = split(rest, "@");
    let valid = scope.is_none_or(is_name) && is_name(name) && version.is_none_or(is_version);
    if !valid {
        return Err(NOT_NPM);
    }
    let name = scope.map_or_else(|| name.to_owned(), |scope| format!("@{scope}/{name}"));
    Ok(Package { registry: Registry::Npm, name, version: version.map(str::to_owned) })
}

fn pypi(text: &str) -> Result<Package, NotAPackage> {
    let (name, version) = split(text, "==");
    if !is_name(name) || !version.is_none_or(is_version) {
        return Err(NOT_PYPI);
    }
    Ok(Package { registry: Registry::PyPi, name: name.to_owned(), version: version.map(str::to_owned) })
}

fn split<'a>(text: &'a str, at: &str) -> (&'a str, Option<&'a str>) {
    text.split_once(at).map_or((text, None), |(name, version)| (name, Some(version)))
}

/// Names become arguments of an installer and parts of paths, so nothing that either could read as
/// something else: they begin with a letter or digit and hold no separator.
fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    name.len() <= 214 && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && name.bytes().all(inner)
}

/// One exact version: begins with a digit, so that tags (`latest`) and ranges (`^1`) are refused.
fn is_version(version: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'!');
    version.len() <= 128 && version.as_bytes().first().is_some_and(u8::is_ascii_digit) && version.bytes().all(inner)
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (registry, at) = match self.registry {
            Registry::Npm => ("npm", "@"),
            Registry::PyPi => ("pypi", "=="),
        };
        write!(f, "{registry}:{}", self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "{at}{version}"))
    }
}

#[cfg(test)]
mod tests;
