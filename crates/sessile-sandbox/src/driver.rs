//! The trait that every way of making sandboxes implements.

use crate::{AdoptError, Capabilities, Sandbox, SandboxSpec, StartError, WakeError, WrittenDown};
use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;

/// A future on the heap, so that [`Driver`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A sandbox that another runtime made.
#[derive(Debug)]
pub struct Adopted {
    /// The sandbox, with its pipes.
    pub sandbox: Sandbox,
    /// What that runtime kept with it.
    pub estate: OwnedFd,
    /// What it kept beside: [`SandboxSpec::kept`].
    pub kept: Option<OwnedFd>,
    /// What that runtime noted of it: [`SandboxSpec::note`].
    pub note: Option<String>,
}

/// Makes sandboxes.
pub trait Driver: Send + Sync {
    /// Starts a sandbox and the server in it. Resolves once the server's program runs. Must be polled inside a tokio runtime.
    ///
    /// Dropping the future gives the start up: whatever came into being goes.
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>>;

    /// Gets ready for starts of sandboxes that differ from `spec` in name only, where that makes them faster. What takes long is done
    /// beside, and never holds a start up. It is of no consequence if it fails.
    fn prepare(&self, _spec: SandboxSpec) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Whether sandboxes keep their [estate](SandboxSpec::estate) for the next runtime.
    fn keeps_estates(&self) -> bool {
        false
    }

    /// Takes over the sandboxes of runtimes that are gone and kept them where this one keeps its own; see
    /// [`SandboxSpec::estate`]. Each is given out once. Must be polled inside a tokio runtime. A driver that keeps none has none.
    fn adopt(&self) -> BoxFuture<'_, Vec<Result<Adopted, AdoptError>>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Whether sandboxes can be [written down](Sandbox::hibernate) and woken.
    fn hibernates(&self) -> bool {
        false
    }

    /// Wakes a sandbox that [`Sandbox::hibernate`] wrote down. `spec` is as for a start. What comes of it has pipes, a gate and everything
    /// else as a started one has. Must be polled inside a tokio runtime.
    ///
    /// One state is to be woken once. When this resolves with [`WakeError::Start`], nothing of it has run yet. Dropping the future
    /// gives the wake up: whatever came into being goes, and the state must count as used.
    fn wake(&self, _spec: SandboxSpec, _written: WrittenDown) -> BoxFuture<'_, Result<Sandbox, WakeError>> {
        Box::pin(std::future::ready(Err(WakeError::Unsupported)))
    }

    /// Whether sandboxes can be [frozen](Sandbox::freeze).
    fn freezes(&self) -> bool {
        false
    }

    /// What this driver can enforce on this host, found out by trying.
    fn capabilities(&self) -> &Capabilities;
}
