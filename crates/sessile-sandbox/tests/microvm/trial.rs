//! Which accelerator works is found out by a machine that boots, or does not: once, and nothing is left of those that did not.

use crate::support::{config, eventually, leaks};
use sessile_sandbox::{Driver, Feature, MicrovmConfig, ProcessConfig, Strength, microvm_driver, process_driver};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_decides_and_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = || MicrovmConfig { directory: directory.path().to_owned(), ..config() };
    let walls: Arc<dyn Driver> = Arc::new(process_driver(ProcessConfig::default()).unwrap());
    let first = microvm_driver(fresh(), Arc::clone(&walls)).await.unwrap();
    let machine = first.capabilities().of(Feature::Machine).unwrap().clone();
    match &machine {
        Strength::Enforced { how } => assert!(how.contains("KVM"), "{how}"),
        Strength::Fallback { how, why } => {
            assert!(how.contains("emulation") && why.contains("KVM: "), "{how} {why}");
        }
        Strength::Missing { why, .. } => panic!("{why}"),
    }
    let trials = || leaks::processes_with(&format!("guest=trial-{}-", std::process::id()));
    // Another test's trial may be under way.
    assert!(
        eventually(Duration::from_secs(90), || trials().is_empty()),
        "nothing is left of a machine that got nowhere"
    );

    // The outcome is taken from what was kept: a changed word in it comes back.
    let kept = directory.path().join("trial.json");
    let text = fs::read_to_string(&kept).unwrap();
    let boot = text.split("\"boot_ms\":").nth(1).unwrap().split(',').next().unwrap();
    fs::write(&kept, text.replace(&format!("\"boot_ms\":{boot}"), "\"boot_ms\":123456")).unwrap();
    let again = microvm_driver(fresh(), walls).await.unwrap();
    assert!(again.capabilities().of(Feature::Machine).unwrap().to_string().contains("123456 ms"));
}
