//! `uvx` and `uv tool run`.

use super::flags::{UNKNOWN, Words};
use super::spec;
use crate::{PackageRequest, Program, Registry, RequestError};

pub(super) fn request(tool: &'static str, words: &[String]) -> Result<Option<PackageRequest>, RequestError> {
    let mut words = Words::new(tool, words);
    let mut request = PackageRequest { packages: Vec::new(), ..PackageRequest::new(Registry::Pypi, "") };
    let mut from = None;
    while let Some(flag) = words.flag() {
        match flag.name {
            "--from" => from = Some(spec::pypi(words.value(flag)?)?.text),
            "-w" | "--with" => {
                for package in list(words.value(flag)?) {
                    request.packages.push(spec::pypi(package)?.text);
                }
            }
            "-p" | "--python" => request.python = Some(words.value(flag)?.to_owned()),
            "-i" | "--index-url" | "--default-index" => request.indexes.main = Some(words.value(flag)?.to_owned()),
            "--index" | "--extra-index-url" => request.indexes.extra.push(url(words.value(flag)?)),
            "-f" | "--find-links" => request.indexes.links.push(words.value(flag)?.to_owned()),
            "--prerelease" => request.prerelease = words.value(flag)? == "allow",
            "--python-preference" | "--color" | "--link-mode" | "--cache-dir" | "--refresh-package" => {
                words.value(flag)?;
            }
            "-q"
            | "--quiet"
            | "-v"
            | "--verbose"
            | "--isolated"
            | "-n"
            | "--no-cache"
            | "--refresh"
            | "--reinstall"
            | "-U"
            | "--upgrade"
            | "--no-progress"
            | "--no-config"
            | "--native-tls"
            | "--system-certs"
            | "--no-python-downloads"
            | "--managed-python"
            | "--no-managed-python"
            | "--no-env-file" => {}
            "-h" | "--help" | "-V" | "--version" => return Ok(None),
            "--with-editable" | "--with-requirements" => {
                return Err(words.refuse(flag, "name the packages with --with; files that change are not installed"));
            }
            "--env-file" => return Err(words.refuse(flag, "write the variables into `env` of the server's manifest")),
            _ => return Err(words.refuse(flag, UNKNOWN)),
        }
    }
    let program = words.word().ok_or(RequestError::NoPackage { tool })?;
    request.args = words.rest().to_vec();
    match from {
        Some(package) => {
            request.packages.insert(0, package);
            request.program = Program::Named(program.to_owned());
        }
        None if is_python(program) => {
            request.program = Program::Interpreter;
            let version = program.trim_start_matches("python").trim_start_matches('@');
            if version.contains('.') {
                request.python = Some(version.to_owned());
            }
        }
        None => {
            let spec = spec::pypi(program)?;
            request.program = spec.name.map_or(Program::Default, Program::Named);
            request.packages.insert(0, spec.text);
        }
    }
    // `--from python` and `uvx python` are both the interpreter.
    if request.packages.first().is_some_and(|package| is_python(package)) {
        request.packages.remove(0);
    }
    if matches!(&request.program, Program::Named(name) if is_python(name)) {
        request.program = Program::Interpreter;
    }
    Ok(Some(request))
}

/// `python`, `python3`, `python3.12`, `python@3.12`.
fn is_python(word: &str) -> bool {
    word.strip_prefix("python").is_some_and(|rest| {
        let version = rest.strip_prefix('@').unwrap_or(rest);
        version.chars().all(|letter| letter.is_ascii_digit() || letter == '.') && !version.starts_with('.')
    })
}

/// uv takes several packages between commas; a comma inside a version belongs to it (`a>=1,<2`).
fn list(value: &str) -> Vec<&str> {
    let mut packages = Vec::new();
    let mut start = 0;
    for (at, _) in value.match_indices(',') {
        let behind = value.get(at + 1..).unwrap_or_default().trim_start();
        let in_brackets = value.get(start..at).is_some_and(|part| part.contains('[') && !part.contains(']'));
        if !in_brackets && behind.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            packages.extend(value.get(start..at));
            start = at + 1;
        }
    }
    packages.extend(value.get(start..));
    packages.into_iter().filter(|package| !package.trim().is_empty()).collect()
}

/// uv lets an index have a name: `name=https://…`.
fn url(value: &str) -> String {
    match value.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => url.to_owned(),
        _ => value.to_owned(),
    }
}
