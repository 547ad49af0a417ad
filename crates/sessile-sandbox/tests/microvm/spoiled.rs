//! A microVM driver some of whose monitors are started with another command than it wants.

use sessile_sandbox::{
    BoxFuture, Capabilities, Driver, MicrovmConfig, ProcessConfig, Sandbox, SandboxSpec, StartError, microvm_driver,
    process_driver,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The process driver, but that some monitors are damaged. Counts them.
struct Spoiled<Which, Damage> {
    walls: Box<dyn Driver>,
    which: Which,
    damage: Damage,
    count: Arc<AtomicUsize>,
}

impl<Which, Damage> Driver for Spoiled<Which, Damage>
where
    Which: Fn(&[String]) -> bool + Send + Sync,
    Damage: Fn(usize, &mut Vec<String>) + Send + Sync,
{
    fn start(&self, mut spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        if (self.which)(&spec.command) {
            let earlier = self.count.fetch_add(1, Ordering::Relaxed);
            (self.damage)(earlier, &mut spec.command);
        }
        self.walls.start(spec)
    }

    fn capabilities(&self) -> &Capabilities {
        self.walls.capabilities()
    }
}

/// The driver. `damage` is done to the commands that are meant with `which`, and is told how many of those there were before. With it
/// comes their number so far.
pub(crate) async fn driver(
    config: MicrovmConfig,
    which: impl Fn(&[String]) -> bool + Send + Sync + 'static,
    damage: impl Fn(usize, &mut Vec<String>) + Send + Sync + 'static,
) -> (impl Driver, Arc<AtomicUsize>) {
    let walls = Box::new(process_driver(ProcessConfig::default()).unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let walls = Arc::new(Spoiled { walls, which, damage, count: Arc::clone(&count) });
    (microvm_driver(config, walls).await.unwrap(), count)
}

/// Removes an option with its value.
pub(crate) fn without(option: &str, command: &mut Vec<String>) {
    let at = command.iter().position(|word| word == option).unwrap();
    command.drain(at..at + 2);
}
