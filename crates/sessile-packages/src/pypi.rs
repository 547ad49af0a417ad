//! Installing from PyPI: a virtual environment, pip into it, then what programs there are.

mod programs;
mod python;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use sessile_sandbox::Network;

use crate::lock::Outcome;
use crate::recognise::spec;
use crate::settings::{self, Settings};
use crate::step::{Step, Workshop};
use crate::{InstallError, PackageRequest};
use report::Report;

const ADVICE: &str = "Python 3 with venv and pip (on Debian: `apt install python3-venv python3-pip`)";

/// Makes the environment without pip where the interpreter's own pip can install into it (22.3 and newer): that saves
/// seconds, and ten megabytes. Without such a pip, `ensurepip` puts one inside.
const MAKE_VENV: &str = "\
import sys, venv
try:
    import pip
    outside = tuple(int(n) for n in pip.__version__.split('.')[:2]) >= (22, 3)
except (ImportError, ValueError):
    outside = False
venv.EnvBuilder(symlinks=True, with_pip=not outside).create(sys.argv[1])
";

/// Installs into the staging directory and says what came of it.
pub(crate) async fn install(workshop: &Workshop<'_>, request: &PackageRequest) -> Result<Outcome, InstallError> {
    let python = python::find(workshop, request.python.as_deref())?;
    let venv = workshop.directory.join("venv");
    let made = workshop.staging.join("venv");
    workshop.run(make_venv(&python, &venv), ADVICE).await?;
    let report = workshop.scratch(workshop.directory).join("report.json");
    if !request.packages.is_empty() {
        let has_pip = made.join("bin/pip").exists();
        workshop.run(fetch(workshop, request, &python, &venv, has_pip, &report), ADVICE).await?;
    }
    outcome(workshop, request, &made, &venv)
        .map_err(|reason| InstallError::Unexpected { package: workshop.package.to_owned(), reason })
}

fn make_venv(python: &str, venv: &Path) -> Step {
    let command = vec![python.to_owned(), "-c".into(), MAKE_VENV.into(), text(venv)];
    Step {
        name: "creating a virtual environment",
        command,
        inner: None,
        settings: Settings::default(),
        network: Network::Loopback,
    }
}

fn fetch(
    workshop: &Workshop<'_>,
    request: &PackageRequest,
    python: &str,
    venv: &Path,
    has_pip: bool,
    report: &Path,
) -> Step {
    let interpreter = venv.join("bin/python");
    let mut command = vec![python.to_owned(), "-m".into(), "pip".into()];
    if !has_pip {
        command.extend(["--python".into(), text(&interpreter)]);
    }
    let flags = [
        "install",
        "--no-input",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--progress-bar=off",
    ];
    command.extend(flags.map(str::to_owned));
    command.extend(["--report".into(), text(report)]);
    command.extend(request.prerelease.then(|| "--pre".to_owned()));
    let indexes = &request.indexes;
    command.extend(indexes.main.iter().map(|url| format!("--index-url={url}")));
    command.extend(indexes.extra.iter().map(|url| format!("--extra-index-url={url}")));
    command.extend(indexes.links.iter().map(|place| format!("--find-links={place}")));
    command.push("--".into());
    command.extend(request.packages.iter().cloned());
    let inner = has_pip.then_some(interpreter);
    Step { name: "fetching with pip", command, inner, settings: settings::pip(workshop.host), network: Network::Host }
}

fn outcome(workshop: &Workshop<'_>, request: &PackageRequest, made: &Path, venv: &Path) -> Result<Outcome, String> {
    let interpreter = fs::read_link(made.join("bin/python3"))
        .or_else(|_| fs::read_link(made.join("bin/python")))
        .map_err(|error| format!("the virtual environment has no python: {error}"))?;
    // `python3` may lead to `python` beside it.
    let interpreter = if interpreter.is_absolute() {
        interpreter
    } else {
        fs::read_link(made.join("bin").join(interpreter)).map_err(|error| error.to_string())?
    };
    let mut programs = programs::of_all(made, venv)?;
    if request.packages.is_empty() {
        let version = python::version_of_venv(made).ok_or("pyvenv.cfg names no version")?;
        return Ok(Outcome {
            name: "python".into(),
            version,
            interpreter,
            programs,
            default: None,
            packages: Vec::new(),
        });
    }
    let report = Report::read(&workshop.scratch(workshop.staging).join("report.json"))?;
    let wanted = request.packages.first().and_then(|first| spec::pypi(first).ok()).and_then(|spec| spec.name);
    let main = report.main(wanted.as_deref()).ok_or("pip reports nothing installed")?;
    let default = match programs::default(made, &main.name)? {
        programs::Default::Script(name) => Some(name),
        programs::Default::Module(module) => {
            programs.insert(module.clone(), vec![text(&venv.join("bin/python")), "-m".into(), module.clone()]);
            Some(module)
        }
        programs::Default::None => None,
    };
    Ok(Outcome {
        name: main.name.clone(),
        version: main.version.clone(),
        interpreter,
        programs,
        default,
        packages: report.packages(),
    })
}

/// The program that a name means, as uv and pipx are lenient about it: `-` and `_` are the same.
pub(crate) fn find_program<'p>(programs: impl Iterator<Item = &'p String>, name: &str) -> Option<&'p String> {
    let wanted = normal(name);
    programs.into_iter().find(|program| normal(program) == wanted)
}

/// How PyPI compares names (PEP 503).
fn normal(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        let letter = if matches!(letter, '-' | '_' | '.') { '-' } else { letter.to_ascii_lowercase() };
        if letter != '-' || !text.ends_with('-') {
            text.push(letter);
        }
    }
    text
}

/// The environment of a program: what it would compile cannot be written down, and was compiled at installation.
pub(crate) fn env() -> Vec<(String, String)> {
    vec![("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())]
}

/// Python itself, of an installation.
pub(crate) fn interpreter(directory: &Path) -> PathBuf {
    directory.join("venv/bin/python")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
