//! Templates: a machine of each kind is booted once, up to the moment where it waits to be made another one, and kept: its memory in one
//! sealed file, everything else of it in another. Sessions then start in copies of it, which share what of the memory they do not write.
//!
//! Nothing of a session, and nothing of any user's process, has been in it: what a copy does not share with its siblings (randoms, clock,
//! names, the server) it gets afterwards, as a machine does that has booted. [`workshop`] makes templates, [`shelf`] keeps them, [`sharing`] looks
//! whether a copy is one.

mod sharing;
pub(super) mod shelf;
pub(super) mod workshop;

use super::boot::{self, Machine, Proofs};
use super::command_line::{Beginning, Memory};
use super::jail;
use super::migration;
use super::parts::Machinery;
use super::trial::Accelerator;
use crate::driver::Driver;
use crate::{SandboxId, StartError};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// What the memory's file is called where the kernel lists mappings.
const NAME: &str = "sessile-template";

/// How long making one may take. It boots as every machine does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a copy may take until it has proved that it is another machine. It takes a tenth of a second, under emulation as well.
const COPY_PATIENCE: Duration = Duration::from_secs(5);

/// What the machines of one kind have in common.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) machinery: Machinery,
    pub(super) accelerator: Accelerator,
    pub(super) disk: Option<PathBuf>,
    /// In MiB.
    pub(super) memory: u64,
    pub(super) processors: u32,
}

/// A machine that was booted, and is kept.
#[derive(Debug)]
pub(super) struct Template {
    /// Sealed.
    memory: Arc<OwnedFd>,
    /// Everything else, sealed.
    state: OwnedFd,
    /// In MiB.
    size: u64,
    /// Whether a copy shares its memory, which is looked at once: why not.
    sharing: OnceCell<Result<(), String>>,
}

impl Template {
    /// Boots a machine and keeps it. Takes as long as a boot, and as much memory as the machine has.
    pub(super) async fn make(walls: &dyn Driver, kind: &Kind) -> Result<Self, StartError> {
        let host = StartError::host;
        let size = kind.memory;
        let memory = tokio::task::spawn_blocking(move || reserved(size)).await;
        let memory = memory.map_err(|error| host("reserve memory for a template")(error.into()))?;
        let memory = Arc::new(memory.map_err(host("reserve memory for a template"))?);
        let state = file("sessile-state").map_err(host("make a file for a template"))?;
        let into = state.try_clone().map_err(host("make a file for a template"))?;
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("template-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let id = SandboxId::new(name).map_err(|error| StartError::InvalidSpec { what: error.to_string() })?;
        let order = jail::Order {
            id: &id,
            machinery: &kind.machinery,
            accelerator: kind.accelerator,
            disk: kind.disk.as_deref(),
            memory: size,
            processors: kind.processors,
            place: Memory::InFile(Arc::clone(&memory)),
            beginning: Beginning::Boot,
            cpu: None,
            orphan_grace: Duration::ZERO,
            held: None,
            estate: None,
            note: None,
            rest: None,
            leads_out: false,
            start_timeout: PATIENCE,
        };
        let made = async {
            let mut machine = boot::up(walls, &order).await?;
            let saved = match machine.control.monitor().await {
                Ok(qmp) => migration::save(qmp, into).await,
                Err(error) => Err(error),
            };
            if let Err(error) = saved {
                return Err(machine.died(&format!("it could not be saved: {error}")).await);
            }
            // Nobody can seal what somebody may still write.
            machine.end().await;
            Ok::<_, StartError>(())
        };
        // Giving up drops the machine, which ends it.
        let late = |_| StartError::Timeout { after: PATIENCE };
        timeout_at(Instant::now() + PATIENCE, made).await.map_err(late)??;
        for file in [&*memory, &state] {
            let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            fcntl_add_seals(file, seals).map_err(|errno| host("seal a template")(errno.into()))?;
        }
        Ok(Self { memory, state, size, sharing: OnceCell::new() })
    }

    /// Starts a copy, until its init waits for an order. `order` is one for a machine that boots. If it fails, nothing is left of it.
    pub(super) async fn copy(
        &self,
        walls: &dyn Driver,
        order: &jail::Order<'_>,
        proofs: &Proofs,
    ) -> Result<Machine, StartError> {
        let order = jail::Order {
            place: Memory::CopyOf(Arc::clone(&self.memory)),
            beginning: Beginning::Restored,
            start_timeout: order.start_timeout.min(COPY_PATIENCE),
            ..order.clone()
        };
        let deadline = Instant::now() + COPY_PATIENCE;
        // As every descriptor shares the offset with its copies, this one is opened anew.
        let state = File::open(format!("/proc/self/fd/{}", self.state.as_raw_fd()));
        let state = state.map_err(StartError::host("open a template"))?;
        let mut machine = boot::launch(walls, &order).await?;
        let woken = async {
            let loaded = match machine.control.monitor().await {
                Ok(qmp) => migration::load(qmp, state.into()).await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(()) => machine.become_another(proofs).await,
                Err(error) => Err(machine.died(&format!("it could not be restored: {error}")).await),
            }
        };
        match timeout_at(deadline, woken).await {
            Ok(Ok(())) => Ok(machine),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(machine.died("it did not answer in time").await),
        }
    }

    /// Whether `machine`, a copy, shares its memory with its siblings: why not. The first copy answers for all.
    pub(super) async fn is_shared_by(&self, machine: &Machine) -> &Result<(), String> {
        let (pid, size) = (machine.monitor.pid(), self.size);
        let look = || async move {
            let looked = tokio::task::spawn_blocking(move || sharing::look(pid, size)).await;
            looked.unwrap_or_else(|error| Err(error.to_string()))
        };
        self.sharing.get_or_init(look).await
    }
}

/// A file in memory that can be sealed.
fn file(name: &str) -> io::Result<OwnedFd> {
    let base = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Before Linux 6.3 there was no way to say that nobody runs it.
    match memfd_create(name, base | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(memfd_create(name, base)?),
        made => Ok(made?),
    }
}

/// A file in memory of so many MiB, all of it there: what a copy writes to, or reads, in a hole would be filled in for all of them, and counted
/// as the copy's.
fn reserved(size: u64) -> io::Result<OwnedFd> {
    let available = available(&fs::read_to_string("/proc/meminfo")?);
    // As much again for the copies.
    if available.is_some_and(|available| available < size.saturating_mul(2)) {
        let left = available.unwrap_or(0);
        return Err(io::Error::other(format!(
            "{left} MiB are available; a template of {size} MiB is made from twice as much on"
        )));
    }
    let file = file(NAME)?;
    ftruncate(&file, size << 20)?;
    fallocate(&file, FallocateFlags::empty(), 0, size << 20)?;
    Ok(file)
}

/// What the host could give, in MiB.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib >> 10)
}

#[cfg(test)]
mod tests;
