//! Many at once: all of them start, none disturbs another, and nothing is left.

use crate::support::leaks::{cgroups_of, sandbox_cgroups_of, sandboxed_processes_of};
use crate::support::{driver, eventually, run, script};
use sessile_sandbox::Exit;
use std::sync::Arc;
use std::time::Duration;

/// Runs the test in a process of its own, so that no other test's sandboxes are counted.
#[test]
fn fifty_at_once_leave_nothing() {
    crate::support::alone("crowd::fifty", &[]);
}

#[test]
#[ignore = "run by fifty_at_once_leave_nothing in a process of its own"]
fn fifty() {
    let own = std::process::id();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    drop(tokio::runtime::Runtime::new().unwrap()); // tokio keeps two descriptors for signals as long as the process lives
    let (mounts_before, descriptors_before) = (mounts(), descriptors());
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let driver = Arc::new(driver());
    tokio.block_on(async {
        let runs = (0..50).map(|number| {
            let driver = Arc::clone(&driver);
            tokio::spawn(async move { (number, run(&*driver, script(&format!("echo {number}; exit {number}"))).await) })
        });
        for run in runs.collect::<Vec<_>>() {
            let (number, said) = run.await.unwrap();
            assert_eq!(said.ended.exit, Exit::Code(number), "{said:?}");
            assert_eq!(said.stdout, format!("{number}\n"));
        }
    });
    assert_eq!(sandbox_cgroups_of(own), [""; 0].map(std::path::PathBuf::from));
    assert_eq!(sandboxed_processes_of(own), [0; 0]);
    assert_eq!(mounts(), mounts_before);
    drop(Arc::into_inner(driver).unwrap());
    drop(tokio);
    assert!(eventually(Duration::from_secs(10), || cgroups_of(own).is_empty()), "{:?}", cgroups_of(own));
    assert_eq!(descriptors(), descriptors_before);
}
