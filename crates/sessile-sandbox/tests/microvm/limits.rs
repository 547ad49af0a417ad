//! Limits hold, and reaching one is told apart from other ends.

use crate::support::{driver, machine, run};
use sessile_sandbox::{Driver, Exit};

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_the_size_of_the_machine() {
    holds_memory(&driver().await).await;
}

pub(crate) async fn holds_memory(driver: &impl Driver) {
    let text = "read key kilobytes unit < /proc/meminfo; echo $kilobytes; x=x; while :; do x=$x$x$x; done";
    let said = run(driver, machine(text)).await;
    let kilobytes: u64 = said.stdout.trim().parse().unwrap();
    assert!((96 << 10..192 << 10).contains(&kilobytes), "{kilobytes}");
    assert!(matches!(said.ended.exit, Exit::OutOfMemory { limit: Some(limit), .. } if limit == 192 << 20), "{said:?}");
    assert!(said.ended.usage.out_of_memory_kills.is_some_and(|kills| kills > 0));
    // What it costs the host is the machine and its monitor, and no more.
    assert!(said.ended.usage.memory_peak.is_some_and(|peak| peak < (192 + 224) << 20), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_and_disk_are_counted() {
    counts_processes_and_disk(&driver().await).await;
}

pub(crate) async fn counts_processes_and_disk(driver: &impl Driver) {
    // Reading a terminal that nobody types on lasts for ever and takes no processor.
    let text = "x=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; x=$x$x$x$x$x$x$x$x; \
                while echo $x$x$x$x; do :; done > /tmp/full; \
                i=0; while [ $i -lt 100 ]; do (read line < /dev/ptmx) & i=$((i+1)); done; echo all";
    let mut spec = machine(text);
    spec.limits.disk = Some(1 << 20);
    spec.limits.pids = Some(20);
    let said = run(driver, spec).await;
    assert!(said.stderr.contains("I/O error"), "{}", said.stderr);
    assert!(said.stderr.contains("Cannot fork"), "{}", said.stderr);
    assert!(!said.stdout.contains("all"));
}
