//! The trait that every way of making sandboxes implements.

use crate::{Capabilities, Sandbox, SandboxSpec, StartError};
use std::future::Future;
use std::pin::Pin;

/// A future on the heap, so that [`Driver`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes sandboxes.
pub trait Driver: Send + Sync {
    /// Starts a sandbox and the server in it. Resolves once the server's program runs. Must be polled inside a tokio runtime.
    ///
    /// Dropping the future gives the start up: whatever came into being goes.
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>>;

    /// What this driver can enforce on this host, found out by trying.
    fn capabilities(&self) -> &Capabilities;
}
