//! `pipx run`.

use super::flags::{UNKNOWN, Words};
use super::spec;
use crate::{PackageRequest, Program, Registry, RequestError};

const TOOL: &str = "pipx run";

pub(super) fn request(words: &[String]) -> Result<Option<PackageRequest>, RequestError> {
    let mut words = Words::new(TOOL, words);
    let mut request = PackageRequest { packages: Vec::new(), ..PackageRequest::new(Registry::Pypi, "") };
    let mut from = None;
    while let Some(flag) = words.flag() {
        match flag.name {
            "--spec" => from = Some(spec::pypi(words.value(flag)?)?.text),
            "--with" => request.packages.push(spec::pypi(words.value(flag)?)?.text),
            "--python" => request.python = Some(words.value(flag)?.trim_start_matches("python").to_owned()),
            "-i" | "--index-url" => request.indexes.main = Some(words.value(flag)?.to_owned()),
            "--no-cache" | "--verbose" | "-v" | "--quiet" | "-q" | "--fetch-missing-python" => {}
            "-h" | "--help" => return Ok(None),
            "--pip-args" => return Err(words.refuse(flag, "write the settings into pip.conf or PIP_… variables")),
            "--path" | "--pypackages" | "--editable" | "-e" => {
                return Err(words.refuse(flag, "start the script directly, as in `python3 server.py`"));
            }
            _ => return Err(words.refuse(flag, UNKNOWN)),
        }
    }
    let program = words.word().ok_or(RequestError::NoPackage { tool: TOOL })?;
    let rest = words.rest();
    request.args = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest).to_vec();
    match from {
        Some(package) => {
            request.packages.insert(0, package);
            request.program = Program::Named(program.to_owned());
        }
        None => {
            let spec = spec::pypi(program)?;
            request.program = spec.name.map_or(Program::Default, Program::Named);
            request.packages.insert(0, spec.text);
        }
    }
    Ok(Some(request))
}
