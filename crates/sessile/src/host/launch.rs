//! From the servers of a manifest to what starts their sessions: packages installed, files decided.

use super::Failure;
use super::drivers::Drivers;
use super::plan::Plan;
use crate::out;
use sessile_manifest::{Isolation, Kind, Server, Workspace};
use sessile_packages::{PackageRequest, Store};
use sessile_runtime::Hosted;
use sessile_sandbox::view::{self, HostEnv, View, ViewRequest};
use std::path::Path;
use std::sync::Arc;

/// Prepares every server that runs here.
pub(crate) async fn all(plan: &Plan, drivers: &Drivers, verbose: bool) -> Result<Vec<Arc<Hosted>>, Failure> {
    let state_dir = &plan.manifest.node.state_dir;
    let mut hosted = Vec::new();
    for server in &plan.manifest.servers {
        if matches!(server.kind, Kind::Url(_)) {
            continue;
        }
        let driver = drivers.get(server.isolation)?;
        let view = prepare(server, state_dir).await?;
        if verbose {
            for line in &view.explanation {
                out::note(&format!("{}: {line}", server.name));
            }
        }
        hosted.push(Arc::new(Hosted::new(server.name.as_str(), server.limits.clone(), driver, view, HostEnv::from_process())));
    }
    Ok(hosted)
}

/// Decides what one server starts as; installs its package when it is not there yet.
pub(crate) async fn prepare(server: &Server, state_dir: &Path) -> Result<View, Failure> {
    let failed = |error: String| Failure::Failed(format!("server {}: {error}", server.name));
    let host = HostEnv::from_process();
    let (mut request, env) = match &server.kind {
        Kind::Command(command) => {
            let package = sessile_packages::recognise(&command.command).map_err(|error| failed(error.to_string()))?;
            let mut request = ViewRequest {
                command: command.command.clone(),
                cwd: command.cwd.clone(),
                host: host.clone(),
                ..ViewRequest::default()
            };
            if let Some(package) = package.filter(|_| server.isolation == Isolation::Process) {
                install(&package, &mut request, state_dir, &host).await.map_err(failed)?;
            }
            (request, &command.env)
        }
        Kind::Package(program) => {
            let package = PackageRequest::of_manifest(&program.package, &program.args);
            let mut request = ViewRequest { host: host.clone(), ..ViewRequest::default() };
            install(&package, &mut request, state_dir, &host).await.map_err(failed)?;
            (request, &program.env)
        }
        Kind::Url(_) => return Err(failed("a remote server is not started here".to_owned())),
    };
    request.read.extend(server.files.read_only.iter().cloned());
    request.write.extend(server.files.read_write.iter().cloned());
    if let Workspace::Host(directory) = &server.files.workspace {
        request.workspace = Some(directory.clone());
    }
    request.conceal.push(state_dir.to_owned());
    let mut view = view::resolve(&request).map_err(|error| failed(error.to_string()))?;
    for (name, value) in env.iter() {
        view.env.retain(|(known, _)| known != name);
        view.env.push((name.to_owned(), value.to_owned()));
    }
    Ok(view)
}

async fn install(
    package: &PackageRequest,
    request: &mut ViewRequest,
    state_dir: &Path,
    host: &HostEnv,
) -> Result<(), String> {
    let driver = super::drivers::process_driver().map_err(|error| error.to_string())?;
    let store = Store::new(state_dir);
    let installed = store
        .ensure(package, &*driver, host, &|line: &str| out::note(line))
        .await
        .map_err(|error| error.to_string())?;
    request.command = installed.command;
    request.also = installed.files;
    Ok(())
}
