//! From the second start of a kind on, a machine is a copy of one that was booted for all of them, and works as one that boots.

use crate::support::{Said, blocking, driver, eventually, leaks, machine, monitors, read_line, run, start, write_line};
use sessile_sandbox::{Driver, Exit, SandboxSpec};
use std::time::Duration;

/// Starts machines of `spec`'s kind until one is a copy.
async fn with_template(driver: &impl Driver, spec: impl Fn() -> SandboxSpec) {
    for _ in 0..20 {
        let sandbox = driver.start(spec()).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(sandbox.notes().iter().all(|note| !note.contains("template")), "{:?}", sandbox.notes());
        let is_copy = sandbox.is_copy();
        sandbox.kill();
        sandbox.ended().await;
        if is_copy {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("no template was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_machine_boots_and_later_ones_are_copies() {
    let driver = driver().await;
    let first = start(&driver, machine("exit 0")).await;
    assert!(!first.is_copy());
    with_template(&driver, || machine("exit 0")).await;
}
