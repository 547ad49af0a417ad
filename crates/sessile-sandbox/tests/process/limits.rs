//! Limits hold the whole process tree, and reaching one is told for what it is.

use crate::support::{driver, eventually, is_root, run, script, waiting};
use sessile_sandbox::{Capabilities, Driver, Exit, Feature, Strength};
use std::time::Duration;

/// Whether the host enforces something; where it does not, there is nothing to test here.
fn enforced(capabilities: &Capabilities, feature: Feature) -> bool {
    let enforced = matches!(capabilities.of(feature), Some(Strength::Enforced { .. }));
    assert!(enforced || !is_root(), "root can enforce {feature} on a host with cgroups: {capabilities:?}");
    enforced
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_hog_is_out_of_memory_and_not_just_killed() {
    let driver = driver();
    if !enforced(driver.capabilities(), Feature::Memory) {
        return;
    }
    // In the main process, and in a child whose parent then gives up.
    for text in ["exec tail /dev/zero", "tail /dev/zero || exit 7"] {
        let mut spec = script(text);
        spec.limits.memory = Some(64 << 20);
        let said = run(&driver, spec).await;
        let Exit::OutOfMemory { limit, peak } = said.ended.exit else { panic!("{said:?}") };
        assert_eq!(limit, Some(64 << 20));
        assert!(peak.is_some_and(|peak| (60 << 20..=64 << 20).contains(&peak)), "{peak:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_private_directories_count_as_memory() {
    let driver = driver();
    if !enforced(driver.capabilities(), Feature::Memory) {
        return;
    }
    let mut spec = script("exec head -c 200000000 /dev/zero > /tmp/x");
    spec.limits.memory = Some(64 << 20);
    spec.limits.disk = Some(1 << 30);
    let said = run(&driver, spec).await;
    assert!(matches!(said.ended.exit, Exit::OutOfMemory { .. }), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_held_and_goes_with_its_sandbox() {
    let driver = driver();
    if !enforced(driver.capabilities(), Feature::Pids) {
        return;
    }
    // The server itself forks once, so that it cannot fail for want of a process; then it waits. A shell ends when it cannot
    // fork, unless that is in `command eval`: the bomb goes on until its sandbox is full of what sleeps.
    let bomb = "bomb() { sleep 100 & bomb | bomb & }; (while :; do command eval bomb; done) 2>/dev/null &";
    let sandbox = driver.start(script(&format!("{bomb} read line; exit 9"))).await.unwrap();
    assert!(eventually(Duration::from_secs(10), || sandbox.usage().pids.is_some_and(|pids| pids > 40)));
    assert!(sandbox.usage().pids.is_some_and(|pids| pids <= 64), "{:?}", sandbox.usage());
    let ended = tokio::time::timeout(Duration::from_secs(20), sandbox.stop(Duration::from_secs(2))).await.unwrap();
    assert_eq!(ended.exit, Exit::Code(9), "the server went its way beside the bomb: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_hog_gets_what_it_was_given() {
    let driver = driver();
    if !enforced(driver.capabilities(), Feature::Cpu) {
        return;
    }
    let mut spec = script("while :; do :; done");
    spec.limits.cpu = Some(0.2);
    let sandbox = driver.start(spec).await.unwrap();
    let (from, before) = (std::time::Instant::now(), sandbox.usage().cpu);
    assert!(eventually(Duration::from_secs(20), || sandbox
        .usage()
        .throttled
        .is_some_and(|t| t > Duration::from_secs(1))));
    let share = (sandbox.usage().cpu - before).as_secs_f64() / from.elapsed().as_secs_f64();
    assert!(share < 0.35, "it got {share} of a processor");
    let ended = sandbox.stop(Duration::ZERO).await;
    assert_eq!(ended.exit, Exit::Killed);
    assert!(ended.usage.cpu >= Duration::from_millis(100), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_and_core_dumps_are_limited() {
    let mut spec = script("ulimit -n; ulimit -Hn; ulimit -c");
    spec.limits.open_files = 77;
    let said = run(&driver(), spec).await;
    assert_eq!(said.stdout, "77\n77\n0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tree_uses_can_be_seen_while_it_runs_and_afterwards() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").await;
    let usage = sandbox.usage();
    assert!(usage.cpu > Duration::from_millis(5), "{usage:?}");
    assert!(usage.memory.is_some_and(|bytes| bytes > 0) && usage.pids.is_some_and(|pids| pids >= 2), "{usage:?}");
    let ended = sandbox.stop(Duration::from_millis(10)).await;
    assert_eq!(sandbox.usage(), ended.usage);
    assert!(ended.usage.cpu >= usage.cpu || !is_root(), "{ended:?}");
}
