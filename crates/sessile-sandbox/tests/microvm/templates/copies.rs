//! What holds for a machine that boots holds for a copy.

use super::Copies;
use crate::support::{driver, machine, monitors, start};
use crate::{echo, ending, inside, limits};
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_machine_boots_and_later_ones_are_copies() {
    let driver = driver().await;
    let first = start(&driver, machine("exit 0")).await;
    assert!(!first.is_copy());
    let copies = Copies(driver);
    let mut spec = machine("while :; do read line; done");
    let id = spec.id.to_string();
    let copy = start(&copies, spec.clone()).await;
    assert!(copy.is_copy());
    let line = fs::read_to_string(format!("/proc/{}/cmdline", monitors(&id)[0])).unwrap();
    assert!(line.contains("share=off") && line.contains("-incoming\0defer"), "{line}");

    // A machine of another size is of another kind.
    spec.limits.memory = Some(200 << 20);
    spec.id = machine("").id;
    assert!(!start(&copies.0, spec).await.is_copy());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_carries_pipes_and_runs_as_asked() {
    let copies = Copies(driver().await);
    echo::carries_pipes(&copies).await;
    echo::runs_as_asked(&copies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_held_to_its_limits() {
    let copies = Copies(driver().await);
    limits::holds_memory(&copies).await;
    limits::counts_processes_and_disk(&copies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_its_own_kernel_and_the_hosts_time() {
    let copies = Copies(driver().await);
    inside::has_no_power(&copies).await;
    inside::knows_the_time(&copies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_ends_as_every_machine_does() {
    let copies = Copies(driver().await);
    ending::tells_of_signals(&copies).await;
    ending::hears_sigterm(&copies).await;
    ending::crashes_with_its_monitor(&copies).await;
}
