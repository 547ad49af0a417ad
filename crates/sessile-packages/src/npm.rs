//! Installing from npm: `npm install` without scripts, then the scripts alone, then what programs there are.

mod bins;
mod package_lock;

use std::fs;
use std::path::Path;

use sessile_sandbox::Network;
use sessile_sandbox::view::{self, ViewRequest};

use crate::lock::Outcome;
use crate::recognise::spec;
use crate::settings::{self, ScriptsWanted, Settings};
use crate::step::{Step, Workshop};
use crate::{InstallError, PackageRequest};
use package_lock::PackageLock;

const ADVICE: &str = "Node.js with npm (on Debian: `apt install nodejs npm`)";
/// A root without dependencies of its own, for npm to add to.
const ROOT: &str = r#"{"name":"sessile-package","version":"0.0.0","private":true}"#;

/// Installs into the staging directory and says what came of it.
pub(crate) async fn install(workshop: &Workshop<'_>, request: &PackageRequest) -> Result<Outcome, InstallError> {
    let staging = workshop.staging;
    let root = staging.join("package.json");
    fs::write(&root, ROOT).map_err(InstallError::store("write", &root))?;
    let (mut fetching, scripts) = settings::npm(workshop.host);
    let places = settings::npm_places(&workshop.scratch(workshop.directory));
    fetching.env.extend(places.clone());
    settings::fail_soon(&mut fetching);
    workshop.run(fetch(request, fetching), ADVICE).await?;

    let lock = PackageLock::read(staging).map_err(|reason| unexpected(workshop, reason))?;
    if lock.has_scripts && scripts == ScriptsWanted::Yes {
        let mut settings = settings::for_scripts(workshop.host);
        settings.env.extend(places);
        // npm 12 runs only what a root package approves of, one by one. Here nobody is there to ask, and the sandbox
        // is what keeps scripts in bounds. `ignore-scripts` of this host was heard above.
        settings.env.push(("npm_config_dangerously_allow_all_scripts".into(), "true".into()));
        workshop.run(scripts_alone(settings), ADVICE).await?;
    }

    let node = node(workshop)?;
    let name =
        main_package(staging, request).ok_or_else(|| unexpected(workshop, "npm wrote no dependency down".into()))?;
    let version =
        lock.version_of(&name).ok_or_else(|| unexpected(workshop, format!("npm locked no version of {name}")))?;
    let programs = bins::programs(staging, workshop.directory, &node);
    let default = bins::default(staging, &name).filter(|program| programs.contains_key(program));
    Ok(Outcome { name, version, interpreter: node.into(), programs, default, packages: lock.packages })
}

fn fetch(request: &PackageRequest, settings: Settings) -> Step {
    let flags = [
        "npm",
        "install",
        "--ignore-scripts",
        "--omit=dev",
        "--no-audit",
        "--no-fund",
        "--save",
        "--save-exact",
        "--package-lock",
        "--bin-links",
        "--no-global",
        "--no-dry-run",
        "--loglevel=http",
    ];
    let mut command: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    command.extend(request.indexes.main.iter().map(|url| format!("--registry={url}")));
    command.push("--".into());
    command.extend(request.packages.iter().cloned());
    Step { name: "fetching with npm", command, inner: None, settings, network: Network::Host }
}

/// Package code runs for the first time here: with the network, as install scripts fetch binaries, and without anything
/// that the fetching step knew.
fn scripts_alone(settings: Settings) -> Step {
    let command = ["npm", "rebuild", "--no-ignore-scripts", "--foreground-scripts", "--loglevel=warn"];
    let command = command.iter().map(|&word| word.to_owned()).collect();
    Step { name: "running npm's install scripts", command, inner: None, settings, network: Network::Host }
}

/// The Node that sessions will run on.
fn node(workshop: &Workshop<'_>) -> Result<String, InstallError> {
    let request = ViewRequest { command: vec!["node".into()], host: workshop.host.clone(), ..ViewRequest::default() };
    let view = view::resolve(&request).map_err(|source| InstallError::NoTool {
        package: workshop.package.to_owned(),
        tool: "node".into(),
        advice: ADVICE,
        source: Box::new(source),
    })?;
    Ok(view.command.into_iter().next().unwrap_or_default())
}

/// The name of the first package: as it was asked for, or, of an address, as npm wrote it down.
fn main_package(staging: &Path, request: &PackageRequest) -> Option<String> {
    let named = |package: &String| spec::npm(package).ok().and_then(|spec| spec.name);
    let first = request.packages.first()?;
    if let Some(name) = named(first) {
        return Some(name);
    }
    let others: Vec<String> = request.packages.iter().filter_map(named).collect();
    let root: serde_json::Value = serde_json::from_slice(&fs::read(staging.join("package.json")).ok()?).ok()?;
    let dependencies = root.get("dependencies")?.as_object()?;
    dependencies.keys().find(|name| !others.contains(name)).cloned()
}

fn unexpected(workshop: &Workshop<'_>, reason: String) -> InstallError {
    InstallError::Unexpected { package: workshop.package.to_owned(), reason }
}

#[cfg(test)]
mod tests;
