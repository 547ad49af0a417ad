//! Which Python to install for.

use std::fs;
use std::path::Path;

use sessile_sandbox::view::{self, HostEnv, ViewError, ViewRequest};

use super::ADVICE;
use crate::InstallError;
use crate::step::Workshop;

/// The interpreter that was asked for by version or path, or the host's `python3`.
pub(super) fn find(workshop: &Workshop<'_>, wanted: Option<&str>) -> Result<String, InstallError> {
    let mut first_error = None;
    for (program, host) in candidates(workshop.host, wanted) {
        match resolve(&program, host) {
            Ok(path) => return Ok(path),
            Err(error) => {
                first_error.get_or_insert((program, error));
            }
        }
    }
    let (tool, source) = first_error.unwrap_or(("python3".to_owned(), ViewError::NoCommand));
    Err(InstallError::NoTool { package: workshop.package.to_owned(), tool, advice: ADVICE, source: Box::new(source) })
}

/// `3.12` is `python3.12` in `PATH`, or what pyenv has installed of it.
fn candidates(host: &HostEnv, wanted: Option<&str>) -> Vec<(String, HostEnv)> {
    let Some(wanted) = wanted else { return vec![("python3".to_owned(), host.clone())] };
    let version = wanted.trim_start_matches("python").trim_start_matches('@');
    if wanted.contains('/') || !version.starts_with(|letter: char| letter.is_ascii_digit()) {
        return vec![(wanted.to_owned(), host.clone())];
    }
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let program = format!("python{}", minor.join("."));
    let chosen: HostEnv =
        host.iter().filter(|(name, _)| *name != "PYENV_VERSION").chain([("PYENV_VERSION", version)]).collect();
    vec![(program.clone(), chosen), (program, host.clone())]
}

fn resolve(program: &str, host: HostEnv) -> Result<String, ViewError> {
    let view = view::resolve(&ViewRequest { command: vec![program.to_owned()], host, ..ViewRequest::default() })?;
    view.command.into_iter().next().ok_or(ViewError::NoCommand)
}

/// `version = 3.12.1` of `pyvenv.cfg`.
pub(super) fn version_of_venv(venv: &Path) -> Option<String> {
    let settings = fs::read_to_string(venv.join("pyvenv.cfg")).ok()?;
    let (_, version) =
        settings.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "version")?;
    Some(version.trim().to_owned())
}

#[cfg(test)]
mod tests;
