//! From the servers of a manifest to what starts their sessions: packages installed, files decided.

use super::Failure;
use super::drivers::Drivers;
use super::plan::Plan;
use super::{image, reach, workspaces};
use crate::out;
use sessile_images::Image;
use sessile_manifest::{Isolation, Kind, Server, Workspace};
use sessile_packages::{Event, Installed, Lease, PackageRequest, Store};
use sessile_runtime::Hosted;
use sessile_sandbox::view::{self, HostEnv, View, ViewRequest};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// The servers that run here, and what keeps their packages and images from being removed meanwhile.
pub(crate) struct Launched {
    pub(crate) hosted: Vec<Arc<Hosted>>,
    pub(crate) leases: Vec<Kept>,
}

/// What is not removed while this is held.
#[allow(dead_code, reason = "held, not read")]
pub(crate) enum Kept {
    Package(Lease),
    Image(Image),
}

/// Prepares every server that runs here.
pub(crate) async fn all(plan: &Plan, drivers: &Drivers, verbose: bool) -> Result<Launched, Failure> {
    let state_dir = &plan.manifest.node.state_dir;
    let mut launched = Launched { hosted: Vec::new(), leases: Vec::new() };
    // What an installation that was killed left behind.
    Store::new(state_dir, HostEnv::from_process()).sweep();
    for server in &plan.manifest.servers {
        if matches!(server.kind, Kind::Url(_)) {
            continue;
        }
        let driver = drivers.get(server.isolation)?;
        let (view, lease) = prepare(server, state_dir, drivers, verbose).await?;
        launched.leases.extend(lease);
        if verbose {
            for line in &view.explanation {
                out::note(&format!("{}: {line}", server.name));
            }
        }
        let host = HostEnv::from_process();
        let hosted = Hosted::new(server, driver, view, host, Some(state_dir));
        let hosted = match server.isolation {
            Isolation::Process | Isolation::Microvm => {
                let upstream = reach::upstream(&plan.manifest)?;
                hosted.reaching(reach::list_of(server).map_err(Failure::Usage)?, upstream)
            }
            Isolation::None => hosted,
        };
        let hosted = match workspaces::of(server, state_dir) {
            Some(store) => hosted.keeping(store),
            None => hosted,
        };
        launched.hosted.push(Arc::new(hosted));
    }
    Ok(launched)
}

/// Decides what one server starts as; installs its package when it is not there yet.
async fn prepare(
    server: &Server,
    state_dir: &Path,
    drivers: &Drivers,
    verbose: bool,
) -> Result<(View, Option<Kept>), Failure> {
    let failed = |error: String| Failure::Failed(format!("server {}: {error}", server.name));
    if let Some(image) = &server.image {
        let (view, image) = image::view_of(server, image, state_dir).await.map_err(failed)?;
        return Ok((view, Some(Kept::Image(image))));
    }
    let host = HostEnv::from_process();
    let installed = match package_of(server).map_err(failed)? {
        Some(package) => Some(install(&package, state_dir, &host, drivers, verbose).await.map_err(failed)?),
        None => None,
    };
    let concealed = has_state_dir(state_dir).then_some(state_dir);
    let view = view_of(server, installed.as_ref(), concealed, &host).map_err(failed)?;
    Ok((view, installed.map(|installed| Kept::Package(installed.lease))))
}

/// The package that a server has to be installed from before it can start.
pub(super) fn package_of(server: &Server) -> Result<Option<PackageRequest>, String> {
    match &server.kind {
        Kind::Command(command) => {
            let package = sessile_packages::recognise(&command.command, command.cwd.as_deref())
                .map_err(|error| error.to_string())?;
            Ok(package.filter(|_| server.isolation != Isolation::None))
        }
        Kind::Package(program) => sessile_packages::parse(&program.package.to_string(), &program.args)
            .map(Some)
            .map_err(|error| error.to_string()),
        Kind::Url(_) => Ok(None),
    }
}

/// What a server starts as, given its package if it has one. `concealed` is the state directory, if there is one.
pub(super) fn view_of(
    server: &Server,
    installed: Option<&Installed>,
    concealed: Option<&Path>,
    host: &HostEnv,
) -> Result<View, String> {
    let (command, cwd, env) = match &server.kind {
        Kind::Command(command) => (command.command.clone(), command.cwd.clone(), &command.env),
        Kind::Package(program) => (Vec::new(), None, &program.env),
        Kind::Url(_) => return Err("a remote server is not started here".to_owned()),
    };
    let request = ViewRequest {
        command: installed.map_or(command, |installed| installed.command.clone()),
        cwd,
        host: host.clone(),
        read: server.files.read_only.clone(),
        write: server.files.read_write.clone(),
        workspace: match &server.files.workspace {
            Workspace::Host(directory) => Some(directory.clone()),
            // That of a principal is put there when it is known whose session it is.
            Workspace::Private | Workspace::Principal => None,
        },
        also: installed.map(|installed| installed.files.clone()).unwrap_or_default(),
        conceal: concealed.map(Path::to_owned).into_iter().collect(),
    };
    let mut view = view::resolve(&request).map_err(|error| error.to_string())?;
    if server.isolation == Isolation::None {
        as_on_the_host(&mut view, request.cwd.as_deref(), host)?;
    }
    let packaged = installed.iter().flat_map(|installed| &installed.env).map(|(name, value)| (&**name, &**value));
    for (name, value) in packaged.chain(env.iter()) {
        view.env.retain(|(known, _)| known != name);
        view.env.push((name.to_owned(), value.to_owned()));
    }
    Ok(view)
}

/// Whether there is a state directory to hide. It is made if need be: one that came into being later would lie open
/// in sandboxes that see the directory around it. Where it cannot be made, none will be.
pub(super) fn has_state_dir(directory: &Path) -> bool {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).is_ok() || directory.is_dir()
}

async fn install(
    package: &PackageRequest,
    state_dir: &Path,
    host: &HostEnv,
    drivers: &Drivers,
    verbose: bool,
) -> Result<Installed, String> {
    let driver = drivers.installer().map_err(|error| error.to_string())?;
    let store = Store::new(state_dir, host.clone());
    store
        .ensure(package, &*driver, &|event: &Event<'_>| report(event, verbose))
        .await
        .map_err(|error| error.to_string())
}

/// A plain process has neither the sandbox's workspace nor its home: it gets those of whoever runs it.
fn as_on_the_host(view: &mut View, cwd: Option<&Path>, host: &HostEnv) -> Result<(), String> {
    view.cwd = match cwd {
        Some(cwd) => cwd.to_owned(),
        None => std::env::current_dir().map_err(|error| format!("the working directory cannot be read: {error}"))?,
    };
    if let (Some(home), Some((_, value))) = (host.get("HOME"), view.env.iter_mut().find(|(name, _)| name == "HOME")) {
        home.clone_into(value);
    }
    Ok(())
}

/// Steps are for everybody; what npm and pip write is for those who asked.
fn report(event: &Event<'_>, verbose: bool) {
    if verbose || !matches!(event, Event::Output { .. }) {
        out::note(&event.to_string());
    }
}
