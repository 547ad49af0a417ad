//! When the runtime is killed, its sandboxes live on for their grace, and then nothing of them is left.

use crate::support::leaks::{cgroups_of, children, processes_with};
use crate::support::{alone_in_background, driver, eventually, script};
use sessile_sandbox::{Driver, unsandboxed_driver};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

/// How long the holder's sandboxes may outlive it.
const GRACE: Duration = Duration::from_secs(2);

/// Starts some sandboxes, says so, and waits to be killed.
fn hold(driver: &impl Driver) {
    let marker = std::env::var("SESSILE_TEST_MARKER").unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let _held: Vec<_> = (0..3)
        .map(|_| {
            let text = format!("sh -c \"trap '' TERM PIPE; while :; do sleep 1000; done\" {marker} & wait");
            let mut spec = script(&text);
            spec.orphan_grace = GRACE;
            if driver.capabilities().driver == "none" {
                spec.cwd = "/".into();
            }
            tokio.block_on(driver.start(spec)).unwrap()
        })
        .collect();
    std::io::stdout().write_all(b"holding\n").unwrap();
    std::thread::park();
}

#[test]
#[ignore = "run by the tests below in a process of its own, to be killed"]
fn holder() {
    hold(&driver());
}

#[test]
#[ignore = "run by the tests below in a process of its own, to be killed"]
fn unsandboxed_holder() {
    hold(&unsandboxed_driver());
}

/// What a killed holder left.
struct Orphans {
    /// In the command lines of its servers.
    marker: String,
    /// Its process id.
    pid: u32,
    /// Its keeper.
    keepers: Vec<u32>,
}

fn kill_a_holder(test: &str) -> Orphans {
    let marker = format!("orphan-{test}-{}", std::process::id());
    let mut holder = alone_in_background(test, &[("SESSILE_TEST_MARKER", &marker)]);
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("holding"))), "the holder came up");
    assert!(eventually(Duration::from_secs(10), || processes_with(&marker).len() >= 3));
    // Asked before: afterwards it is an orphan like those of every other runtime on this machine.
    let children = children(holder.id());
    let keepers = processes_with("sessile-keeper").into_iter().filter(|keeper| children.contains(keeper)).collect();
    holder.kill().unwrap();
    holder.wait().unwrap();
    Orphans { marker, pid: holder.id(), keepers }
}

#[test]
fn sandboxes_outlive_a_killed_runtime_by_their_grace_and_no_longer() {
    let Orphans { marker, pid, .. } = kill_a_holder("orphans::holder");
    std::thread::sleep(GRACE / 4); // the promise is about time: well within the grace they must live
    assert!(processes_with(&marker).len() >= 3, "they were to live on for their grace");
    let patience = GRACE + Duration::from_secs(2);
    assert!(eventually(patience, || processes_with(&marker).is_empty()), "{:?}", processes_with(&marker));
    assert!(eventually(patience, || cgroups_of(pid).is_empty()), "{:?}", cgroups_of(pid));
}

#[test]
fn the_keeper_kills_plain_processes_after_their_grace() {
    let cgroups = unsandboxed_driver().capabilities().of(sessile_sandbox::Feature::Orphans).cloned();
    if !matches!(cgroups, Some(sessile_sandbox::Strength::Enforced { .. })) {
        return;
    }
    let Orphans { marker, pid, .. } = kill_a_holder("orphans::unsandboxed_holder");
    let patience = GRACE + Duration::from_secs(4);
    assert!(eventually(patience, || processes_with(&marker).is_empty()), "{:?}", processes_with(&marker));
    assert!(eventually(patience, || cgroups_of(pid).is_empty()), "{:?}", cgroups_of(pid));
}

#[test]
fn the_next_runtime_sweeps_what_a_keeper_could_not() {
    let Orphans { marker, pid, keepers } = kill_a_holder("orphans::holder");
    // Where there are no cgroups to be had, there is none.
    for keeper in keepers {
        let keeper = rustix::process::Pid::from_raw(i32::try_from(keeper).unwrap()).unwrap();
        rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    }
    assert!(eventually(GRACE * 2, || processes_with(&marker).is_empty()), "init ends without any keeper");
    let driver = driver();
    assert!(eventually(Duration::from_secs(10), || cgroups_of(pid).is_empty()), "{:?}", cgroups_of(pid));
    drop(driver);
}
