//! From the second start of a kind on, a machine is a copy of one that was booted for all of them: it works as one that boots, it is
//! another one than its siblings, and where that fails a machine boots.

mod changing;
mod copies;
mod failing;
mod keeping;
mod randoms;

use sessile_sandbox::{BoxFuture, Capabilities, Driver, Sandbox, SandboxSpec, StartError, WakeError, WrittenDown};
use std::time::Duration;

/// A driver that gives out copies only: of each kind that is asked for it has a template made first.
pub(crate) struct Copies<D>(pub(crate) D);

impl<D: Driver> Driver for Copies<D> {
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(async move {
            for _ in 0..60 {
                let sandbox = self.0.start(spec.clone()).await?;
                if sandbox.is_copy() {
                    assert!(sandbox.notes().iter().all(|note| !note.contains("template")), "{:?}", sandbox.notes());
                    return Ok(sandbox);
                }
                // It boots beside other tests' machines.
                sandbox.kill();
                sandbox.ended().await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            panic!("no template of {:?} was made", spec.command);
        })
    }

    fn hibernates(&self) -> bool {
        self.0.hibernates()
    }

    fn wake(&self, spec: SandboxSpec, written: WrittenDown) -> BoxFuture<'_, Result<Sandbox, WakeError>> {
        self.0.wake(spec, written)
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
}
