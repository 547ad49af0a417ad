//! Whether a command line is a package and a program of it.
//!
//! A flag that asks for something else than "install this once and run it" is an error that names the flag: left alone,
//! the tool would start inside a sandbox without a network and fail there, much less clearly.

mod flags;
mod npx;
mod pipx;
pub(crate) mod spec;
mod uvx;

use std::path::Path;

use crate::{PackageRequest, Registry, RequestError};

/// The package that a command line asks for: `npx`, `npm exec`, `uvx`, `uv tool run`, `pipx run`. `None` for any other
/// command, which is to be started as it is; also for `npx NAME` where `node_modules` in or above `started_in` has the
/// program, as npx itself would take that one.
///
/// # Errors
/// [`RequestError`] when it is one of these tools, and a flag or a package cannot be installed once and kept.
pub fn recognise(command: &[String], started_in: Option<&Path>) -> Result<Option<PackageRequest>, RequestError> {
    let Some((program, rest)) = command.split_first() else { return Ok(None) };
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let first = rest.first().map(String::as_str);
    let second = rest.get(1).map(String::as_str);
    match (name, first, second) {
        ("npx", ..) => npx::request("npx", rest, started_in),
        ("npm", Some("exec" | "x"), _) => npx::request("npm exec", rest.get(1..).unwrap_or_default(), started_in),
        ("uvx", ..) => uvx::request("uvx", rest),
        ("uv", Some("tool"), Some("run")) => uvx::request("uv tool run", rest.get(2..).unwrap_or_default()),
        ("pipx", Some("run"), _) => pipx::request(rest.get(1..).unwrap_or_default()),
        _ => Ok(None),
    }
}

/// The package that a manifest names: `npm:NAME[@VERSION]` or `pypi:NAME[==VERSION]`, with the program's arguments.
///
/// # Errors
/// [`RequestError`] when there is no registry in front, or the rest is not a package of it.
pub fn parse(package: &str, args: &[String]) -> Result<PackageRequest, RequestError> {
    let request = match package.split_once(':') {
        Some(("npm", rest)) => PackageRequest::new(Registry::Npm, spec::npm(rest)?.text),
        Some(("pypi", rest)) => PackageRequest::new(Registry::Pypi, spec::pypi(rest)?.text),
        _ => return Err(RequestError::NoRegistry { package: package.to_owned() }),
    };
    Ok(PackageRequest { args: args.to_vec(), ..request })
}

#[cfg(test)]
mod tests;
