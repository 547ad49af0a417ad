//! The driver: what a start is, from the specification to the handle.

use crate::cgroup::{Controller, Group};
use crate::driver::{BoxFuture, Driver};
use crate::process::adopt;
use crate::process::init_image::InitImage;
use crate::process::launch::{Deadline, Heirloom, Launched, Parcels, launch};
use crate::process::order::WithoutCgroup;
use crate::process::rendezvous::Rendezvous;
use crate::process::users::Users;
use crate::process::{Node, node, order, supervise, trial};
use crate::{AdoptError, Adopted, Capabilities, DriverError, Feature, Sandbox, SandboxSpec, StartError, Strength};
use sessile_link::Note;
#[cfg(feature = "weaken")]
use sessile_link::Protection;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Starts that are under way at once. Each takes a few milliseconds of the kernel's time and no more, so that a queue is
/// faster than a crowd.
const AT_ONCE: usize = 16;

/// How the process driver is to work.
#[derive(Clone, Debug, Default)]
pub struct ProcessConfig {
    /// Whether to use cgroups.
    pub cgroups: CgroupUse,
    /// A directory of this user's own, made if need be and removed with the last sandbox, where the next runtime finds the sandboxes that
    /// have an [estate](SandboxSpec::estate): one that is given the same directory. `None`: nobody is to take anything over.
    pub rendezvous: Option<PathBuf>,
}

/// Whether to use cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgroupUse {
    /// Wherever this process may.
    #[default]
    Auto,
    /// Not at all: the fallbacks apply, and [`Capabilities`] says so.
    Never,
}

/// The process driver.
#[derive(Debug)]
struct ProcessDriver {
    host: Arc<Host>,
    capabilities: Capabilities,
    starts: Arc<Semaphore>,
}

/// What starting takes.
#[derive(Debug)]
struct Host {
    image: Arc<InitImage>,
    rendezvous: Option<PathBuf>,
    users: Users,
    node: Arc<Node>,
    /// What every sandbox of it is left without, for the tests that show what that is worth.
    #[cfg(feature = "weaken")]
    without: Vec<Protection>,
}

/// Makes the process driver. Blocks for some milliseconds: it starts a trial sandbox to find out what this host can enforce.
///
/// # Errors
/// [`DriverError`] if this host cannot isolate processes at all.
pub fn process_driver(config: ProcessConfig) -> Result<impl Driver + std::fmt::Debug + 'static, DriverError> {
    new(config)
}

fn new(config: ProcessConfig) -> Result<ProcessDriver, DriverError> {
    let image = Arc::new(InitImage::new().map_err(DriverError::InitImage)?);
    let (pid, started) = node::identity();
    let users = Users::new(pid, started);
    let node = Node::new(&image, config.cgroups == CgroupUse::Auto, config.rendezvous.as_deref())?;
    let node = Arc::new(node);
    let capabilities = trial::run(&image, &node, &users).map_err(DriverError::Trial)?;
    let host = Host {
        image,
        rendezvous: config.rendezvous,
        users,
        node,
        #[cfg(feature = "weaken")]
        without: Vec::new(),
    };
    Ok(ProcessDriver { host: Arc::new(host), capabilities, starts: Arc::new(Semaphore::new(AT_ONCE)) })
}

/// The process driver with protections left out, so that a test can show what each is worth. Its capabilities are those of the whole.
///
/// # Errors
/// As for [`process_driver`].
#[cfg(feature = "weaken")]
pub fn weakened_driver(
    config: ProcessConfig,
    without: &[Protection],
) -> Result<impl Driver + std::fmt::Debug + 'static, DriverError> {
    let mut driver = new(config)?;
    if let Some(host) = Arc::get_mut(&mut driver.host) {
        host.without.extend_from_slice(without);
    }
    Ok(driver)
}

impl Host {
    fn launch(&self, spec: &SandboxSpec, notes: &[String], deadline: Deadline) -> Result<Launched, StartError> {
        let places = &self.node.places;
        let without = WithoutCgroup { memory: !places.have(Controller::Memory), pids: !places.have(Controller::Pids) };
        let order = order::write(spec, self.users.next(), without)?;
        #[cfg(feature = "weaken")]
        let order = order::weakened(order, &self.without);
        let group = Group::new(&places.places, spec.id.as_str(), &spec.limits)?;
        let heirloom = self.heirloom(spec, notes)?;
        self.node.allow(spec.orphan_grace);
        let held =
            spec.held.as_deref().map(OwnedFd::try_clone).transpose().map_err(StartError::host("hold a descriptor"))?;
        let given = spec.given.iter().map(|given| given.try_clone()).collect::<Result<_, _>>();
        let given = given.map_err(StartError::host("give the server a descriptor"))?;
        launch(&self.image, order, Parcels { heirloom, held, given }, group, Arc::clone(&self.node), deadline)
    }

    /// What the sandbox is to keep for the next runtime, if anything.
    fn heirloom(&self, spec: &SandboxSpec, notes: &[String]) -> Result<Option<Heirloom>, StartError> {
        let (Some(rendezvous), Some(estate)) = (&self.node.rendezvous, &spec.estate) else { return Ok(None) };
        let (meeting, place) =
            rendezvous.place(spec.id.as_str()).map_err(StartError::host("make the socket of the sandbox"))?;
        let estate = estate.try_clone().map_err(StartError::host("keep the sandbox's estate"))?;
        let kept = spec.kept.as_deref().map(OwnedFd::try_clone).transpose();
        let kept = kept.map_err(StartError::host("keep a descriptor with the sandbox"))?;
        Ok(Some(Heirloom {
            meeting,
            place,
            estate,
            kept,
            memory: spec.limits.memory,
            notes: notes.to_vec(),
            note: spec.note.clone(),
        }))
    }
}

impl ProcessDriver {
    async fn start_one(&self, spec: SandboxSpec) -> Result<Sandbox, StartError> {
        let deadline = Deadline::in_(spec.start_timeout);
        let late = StartError::Timeout { after: spec.start_timeout };
        let permit = Arc::clone(&self.starts).acquire_owned();
        let Ok(permit) = timeout_at(Instant::from_std(deadline.at), permit).await else {
            return Err(late);
        };
        let notes = self.unenforced(&spec);
        let (id, memory_limit) = (spec.id.clone(), spec.limits.memory);
        let host = Arc::clone(&self.host);
        let start = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            host.launch(&spec, &notes, deadline).map(|launched| (launched, notes))
        });
        let (launched, notes) = start.await.map_err(|error| StartError::host("start a sandbox")(error.into()))??;
        if let Some(less) = self.less_than_promised(&launched.notes) {
            return Err(less);
        }
        supervise::watch_over(launched, id, memory_limit, notes)
    }

    /// A sandbox that came out weaker than the trial: nobody who read the capabilities would expect it, so it is none.
    fn less_than_promised(&self, notes: &[Note]) -> Option<StartError> {
        let promised = |feature| matches!(self.capabilities.of(feature), Some(Strength::Enforced { .. }));
        let less = notes.iter().find(|note| match note {
            Note::SystemCallsUnfiltered { .. } => promised(Feature::SystemCalls),
            Note::LandlockRefused { .. } => promised(Feature::Landlock),
            Note::CgroupShown { .. } => promised(Feature::Names),
            Note::OverlayRefused { .. } | Note::OwnerMappingRefused { .. } => false, // these depend on the file system
        })?;
        let what = "less is in force than this host can do".into();
        Some(StartError::Confine { what, source: std::io::Error::other(less.to_string()) })
    }

    /// The limits asked for that nothing, or something less, enforces.
    fn unenforced(&self, spec: &SandboxSpec) -> Vec<String> {
        use Feature::{Cpu, Memory, Pids};
        let limits = &spec.limits;
        let asked = [(Memory, limits.memory.is_some()), (Pids, limits.pids.is_some()), (Cpu, limits.cpu.is_some())];
        let short = self.capabilities.shortfalls().filter(|row| asked.contains(&(row.feature, true)));
        short.map(|row| format!("{}: {}", row.feature, row.strength)).collect()
    }
}

impl Driver for ProcessDriver {
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(self.start_one(spec))
    }

    fn keeps_estates(&self) -> bool {
        self.host.rendezvous.is_some()
    }

    fn freezes(&self) -> bool {
        self.host.node.places.have(Controller::Freezer)
    }

    fn adopt(&self) -> BoxFuture<'_, Vec<Result<Adopted, AdoptError>>> {
        Box::pin(async move {
            let Some(base) = self.host.rendezvous.clone() else { return Vec::new() };
            let host = Arc::clone(&self.host);
            let adopt = move || {
                let own = host.node.rendezvous.as_ref().map(Rendezvous::path);
                adopt::adopt_all(&base, own, &host.image)
            };
            tokio::task::spawn_blocking(adopt).await.unwrap_or_default()
        })
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}
