//! `--isolation none`: the same interface, and honest about what it lacks.

use crate::support::leaks::processes_with;
use crate::support::{eventually, run, script};
use sessile_sandbox::{Driver, Exit, Feature, SandboxSpec, StartError, Strength, unsandboxed_driver};
use std::time::Duration;

fn plain(text: &str) -> SandboxSpec {
    let mut spec = script(text);
    spec.cwd = "/".into();
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_process_speaks_ends_and_is_refused_like_any_other() {
    let driver = unsandboxed_driver();
    let said = run(&driver, plain("cat; echo $GREETING; echo log >&2; exit 4")).await;
    assert_eq!((said.stdout.as_str(), said.stderr.as_str(), said.ended.exit), ("\n", "log\n", Exit::Code(4)));
    let mut spec = plain("true");
    spec.command = vec!["no-such-program".into()];
    assert!(matches!(driver.start(spec).await, Err(StartError::CommandNotFound { .. })));
    let mut spec = plain("true");
    spec.cwd = "/nowhere".into();
    assert!(matches!(driver.start(spec).await, Err(StartError::WorkingDirectory { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_capabilities_claim_no_isolation() {
    let driver = unsandboxed_driver();
    for feature in [Feature::Files, Feature::Processes, Feature::Network, Feature::Privileges, Feature::HostUser] {
        assert!(matches!(driver.capabilities().of(feature), Some(Strength::Missing { .. })), "{feature}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_goes_as_far_as_it_can_be_found() {
    let driver = unsandboxed_driver();
    let marker = format!("plain-{}", std::process::id());
    let child = format!("sh -c \"trap '' TERM; while :; do sleep 1000; done\" {marker}");
    let sandbox = driver.start(plain(&format!("{child} & {child} & wait"))).await.unwrap();
    assert!(eventually(Duration::from_secs(10), || processes_with(&marker).len() >= 2));
    let ended = sandbox.stop(Duration::from_millis(100)).await;
    assert!(matches!(ended.exit, Exit::Killed | Exit::Signal(libc::SIGTERM)), "{ended:?}");
    assert!(
        eventually(Duration::from_secs(10), || processes_with(&marker).is_empty()),
        "{:?}",
        processes_with(&marker)
    );
}
