//! Without cgroups less is enforced, and the driver says so.

use crate::support::{run, script};
use sessile_sandbox::{CgroupUse, Driver, Exit, Feature, ProcessConfig, Strength, process_driver};
use std::time::Duration;

fn without_cgroups() -> impl Driver {
    process_driver(ProcessConfig { cgroups: CgroupUse::Never, ..ProcessConfig::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_has_a_stated_fallback_or_is_missing() {
    let driver = without_cgroups();
    let capabilities = driver.capabilities();
    for feature in [Feature::Memory, Feature::Pids, Feature::Accounting] {
        assert!(matches!(capabilities.of(feature), Some(Strength::Fallback { .. })), "{feature}: {capabilities:?}");
    }
    for feature in [Feature::Cpu, Feature::OutOfMemory] {
        assert!(matches!(capabilities.of(feature), Some(Strength::Missing { .. })), "{feature}: {capabilities:?}");
    }
    assert!(matches!(capabilities.of(Feature::KillTree), Some(Strength::Enforced { .. })));
    let mut spec = script("true");
    spec.limits.cpu = Some(1.0);
    let sandbox = driver.start(spec).await.unwrap();
    for word in ["memory limit: fallback", "process limit: fallback", "processor limit: missing"] {
        assert!(sandbox.notes().iter().any(|note| note.starts_with(word)), "{:?}", sandbox.notes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_processes_are_limited_all_the_same() {
    let driver = without_cgroups();
    let mut spec = script("exec tail /dev/zero");
    spec.limits.memory = Some(64 << 20);
    let said = run(&driver, spec).await;
    assert!(!matches!(said.ended.exit, Exit::Code(0)), "{said:?}");
    assert!(said.stderr.contains("memory"), "{said:?}");

    let mut spec = script("i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo all; kill 0");
    spec.limits.pids = Some(10);
    let said = run(&driver, spec).await;
    assert!(!said.stdout.contains("all"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_from_proc() {
    let driver = without_cgroups();
    let said = run(&driver, script("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")).await;
    assert!(said.ended.usage.cpu > Duration::from_millis(10), "{said:?}");
    assert!(said.ended.usage.memory_peak.is_some_and(|bytes| bytes > 1 << 20), "{said:?}");
    assert_eq!(said.ended.usage.out_of_memory_kills, None, "what nobody counts is unknown, not zero");
}
