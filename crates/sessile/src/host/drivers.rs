//! The drivers a manifest needs, and what they cannot enforce here.

use super::microvm::{self, Templates};
use super::{Failure, strict};
use crate::out;
use sessile_manifest::{Isolation, Kind, Manifest, Server};
use sessile_sandbox::{Driver, ProcessConfig};
use sessile_telemetry::Telemetry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The drivers in use.
#[derive(Clone)]
pub(crate) struct Drivers {
    process: Option<Arc<dyn Driver>>,
    microvm: Option<Arc<dyn Driver>>,
    none: Option<Arc<dyn Driver>>,
}

impl Drivers {
    /// Makes what `manifest` needs. Sandboxes outlive this process where there is a `rendezvous` to find them; machines start from
    /// templates where somebody is told of those.
    pub(crate) async fn of(
        manifest: &Manifest,
        allow_unsandboxed: bool,
        rendezvous: Option<PathBuf>,
        telemetry: Option<&Telemetry>,
    ) -> Result<Self, Failure> {
        let mut drivers = Self { process: None, microvm: None, none: None };
        for server in manifest.servers.iter().filter(|server| !matches!(server.kind, Kind::Url(_))) {
            match server.isolation {
                Isolation::Process if drivers.process.is_none() => {
                    drivers.process = Some(process_driver(rendezvous.clone())?);
                }
                Isolation::Microvm if drivers.microvm.is_none() => {
                    // A process driver of their own, so that what is found again can be told from other sandboxes.
                    let walls = process_driver(rendezvous.as_deref().map(machines))?;
                    let memory = manifest.node.template_memory.bytes();
                    let templates = telemetry.map(|telemetry| Templates { memory, telemetry: telemetry.clone() });
                    drivers.microvm = Some(microvm::driver(&manifest.node.state_dir, walls, templates).await?);
                }
                Isolation::None if !allow_unsandboxed => {
                    return Err(Failure::Usage(format!(
                        "server {} has isolation \"none\": it would run as a plain process of this user; pass --allow-unsandboxed if that is meant",
                        server.name
                    )));
                }
                Isolation::None if drivers.none.is_none() => {
                    out::note(&format!(
                        "server {} runs WITHOUT a sandbox: it can read and change whatever this user can",
                        server.name
                    ));
                    drivers.none = Some(Arc::new(sessile_sandbox::unsandboxed_driver()));
                }
                Isolation::Process | Isolation::Microvm | Isolation::None => {}
            }
            check_rest(server, &*drivers.get(server.isolation)?)?;
            if server.strict
                && let Some(refusal) = strict::refusal(server, drivers.get(server.isolation)?.capabilities())
            {
                return Err(Failure::Host(refusal));
            }
        }
        Ok(drivers)
    }

    /// The driver for one way of isolation.
    pub(crate) fn get(&self, isolation: Isolation) -> Result<Arc<dyn Driver>, Failure> {
        let driver = match isolation {
            Isolation::Process => &self.process,
            Isolation::Microvm => &self.microvm,
            Isolation::None => &self.none,
        };
        driver.clone().ok_or_else(|| Failure::Host("the sandbox driver was not started".to_owned()))
    }

    /// The driver that packages are installed with: the one in use, since each brings a trial and a keeper of its own.
    pub(crate) fn installer(&self) -> Result<Arc<dyn Driver>, Failure> {
        self.process.clone().map_or_else(|| process_driver(None), Ok)
    }

    /// Says what cannot be enforced, once.
    pub(crate) fn report_shortfalls(&self) {
        // What holds machines holds their monitors: the process driver's own rows are among theirs.
        if let Some(driver) = self.microvm.as_ref().or(self.process.as_ref()) {
            for row in driver.capabilities().shortfalls() {
                out::note(&format!("{}: {}", row.feature, row.strength));
            }
        }
    }
}

/// Where machines are found again, beside the sandboxes of processes.
fn machines(rendezvous: &Path) -> PathBuf {
    let mut name = rendezvous.file_name().unwrap_or_default().to_owned();
    name.push(".machines");
    rendezvous.with_file_name(name)
}

/// A key that a driver cannot do anything about is a mistake.
fn check_rest(server: &Server, driver: &dyn Driver) -> Result<(), Failure> {
    let asks = server.limits.hibernate_after.is_some_and(|after| !after.is_zero());
    let is_written = driver.hibernates() && server.endpoint.is_none();
    if !asks || is_written || driver.freezes() {
        return Ok(());
    }
    let what = match server.isolation {
        Isolation::Microvm if driver.hibernates() => "a server that speaks HTTP inside its machine (`port`) cannot be written to the disk, \
            and this host has no cgroup that freezes; remove it, or set it to \"0s\" here"
            .to_owned(),
        Isolation::None => "`isolation = \"none\"` can neither write sessions to the disk nor freeze them; remove it".to_owned(),
        Isolation::Process => "this host has no cgroup that freezes (the freezer of version 1, or version 2 since Linux 5.2, delegated to this \
            user); remove it, or run where there is one"
            .to_owned(),
        Isolation::Microvm => "machines cannot be written to the disk here; remove it".to_owned(),
    };
    Err(Failure::Usage(format!("servers.{}.limits.hibernate_after: {what}", server.name)))
}

/// The process driver of this host.
pub(crate) fn process_driver(rendezvous: Option<PathBuf>) -> Result<Arc<dyn Driver>, Failure> {
    let config = ProcessConfig { rendezvous, ..ProcessConfig::default() };
    let driver = sessile_sandbox::process_driver(config).map_err(|error| Failure::Host(error.to_string()))?;
    Ok(Arc::new(driver))
}
