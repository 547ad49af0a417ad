//! `npx` and `npm exec`.

use std::path::Path;

use super::flags::{UNKNOWN, Words};
use super::spec;
use crate::{PackageRequest, Program, Registry, RequestError};

pub(super) fn request(
    tool: &'static str,
    words: &[String],
    started_in: Option<&Path>,
) -> Result<Option<PackageRequest>, RequestError> {
    let mut words = Words::new(tool, words);
    let mut request = PackageRequest { packages: Vec::new(), ..PackageRequest::new(Registry::Npm, "") };
    while let Some(flag) = words.flag() {
        match flag.name {
            "-p" | "--package" => request.packages.push(spec::npm(words.value(flag)?)?.text),
            "--registry" => request.indexes.main = Some(words.value(flag)?.to_owned()),
            "--loglevel" => {
                words.value(flag)?;
            }
            "-y"
            | "--yes"
            | "-q"
            | "--quiet"
            | "-s"
            | "--silent"
            | "--verbose"
            | "-d"
            | "--prefer-online"
            | "--prefer-offline"
            | "--ignore-existing"
            | "--no-audit"
            | "--no-fund"
            | "--no-update-notifier" => {}
            "-h" | "--help" | "-v" | "--version" => return Ok(None),
            "-c" | "--call" => return Err(words.refuse(flag, "name the program and its arguments as words instead")),
            "--no" | "--no-install" | "--offline" => {
                return Err(words.refuse(flag, "leave it out: an installed package is never fetched again"));
            }
            _ => return Err(words.refuse(flag, UNKNOWN)),
        }
    }
    let program = words.word();
    if request.packages.is_empty() {
        let Some(program) = program else { return Err(RequestError::NoPackage { tool }) };
        let spec = spec::npm(program)?;
        if let (Some(name), false, Some(directory)) = (&spec.name, spec.has_version, started_in)
            && is_local(name, directory)
        {
            return Ok(None);
        }
        request.packages.push(spec.text);
    } else {
        request.program = program.map_or(Program::Default, |name| Program::Named(name.to_owned()));
    }
    request.args = arguments(tool, &words)?;
    Ok(Some(request))
}

/// npx hands on all that follows; `npm exec` only what follows `--`, and reads flags before it as its own.
fn arguments(tool: &'static str, words: &Words<'_>) -> Result<Vec<String>, RequestError> {
    let rest = words.rest();
    if tool == "npx" {
        return Ok(rest.to_vec());
    }
    let mut args = Vec::new();
    for (at, word) in rest.iter().enumerate() {
        if word == "--" {
            args.extend_from_slice(rest.get(at + 1..).unwrap_or_default());
            break;
        }
        if word.starts_with('-') {
            let hint = "write `--` in front of the program's own flags";
            return Err(RequestError::Flag { tool, flag: word.clone(), hint });
        }
        args.push(word.clone());
    }
    Ok(args)
}

/// Whether npx would take the program from the project it was started in.
fn is_local(package: &str, directory: &Path) -> bool {
    directory.ancestors().map(|above| above.join("node_modules")).any(|modules| {
        modules.join(".bin").join(package).exists() || modules.join(package).join("package.json").exists()
    })
}
