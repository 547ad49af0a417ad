//! Machines end with a reason, as a whole, and leave nothing on the host.

use crate::support::{Said, driver, eventually, leaks, machine, monitors, run, start};
use rustix::process::{Pid, Signal, kill_process};
use sessile_sandbox::{Driver, Exit};
use std::fs;
use std::time::Duration;

/// What is left of a machine on the host.
fn left_of(id: &str) -> Vec<String> {
    let mut left: Vec<String> = monitors(id).iter().map(u32::to_string).collect();
    let cgroups = leaks::sandbox_cgroups_of(std::process::id()).into_iter().map(|path| path.display().to_string());
    left.extend(cgroups.filter(|path| path.ends_with(&format!("/{id}"))));
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_inside_is_told_and_background_processes_end_with_the_server() {
    tells_of_signals(&driver().await).await;
}

pub(crate) async fn tells_of_signals(driver: &impl Driver) {
    let said = run(driver, machine("(while :; do :; done) & echo before; kill -SEGV $$")).await;
    assert_eq!((said.ended.exit, said.stdout.as_str()), (Exit::Signal(11), "before\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_everything_is_killed_with_its_machine() {
    let driver = driver().await;
    let spec = machine("trap '' TERM; while :; do read line; done");
    let id = spec.id.to_string();
    let sandbox = start(&driver, spec).await;
    assert_eq!(monitors(&id).len(), 1);
    let ended = tokio::time::timeout(Duration::from_secs(10), sandbox.stop(Duration::from_secs(1))).await.unwrap();
    assert_eq!(ended.exit, Exit::Killed);
    assert_eq!(left_of(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_reaches_the_server() {
    hears_sigterm(&driver().await).await;
}

pub(crate) async fn hears_sigterm(driver: &impl Driver) {
    let mut sandbox = start(driver, machine("trap 'exit 7' TERM; while :; do :; done")).await;
    let _pipes = sandbox.take_pipes();
    let ended = tokio::time::timeout(Duration::from_secs(60), sandbox.stop(Duration::from_secs(30))).await.unwrap();
    assert_eq!(ended.exit, Exit::Code(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_dropped_takes_its_machine_along() {
    let driver = driver().await;
    let spec = machine("while :; do read line; done");
    let id = spec.id.to_string();
    let sandbox = start(&driver, spec).await;
    assert!(!left_of(&id).is_empty());
    drop(sandbox);
    assert!(eventually(Duration::from_secs(20), || left_of(&id).is_empty()), "{:?}", left_of(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_leaves_nothing() {
    let driver = driver().await;
    let mut spec = machine("exit 0");
    spec.start_timeout = Duration::from_millis(400);
    let id = spec.id.to_string();
    let error = sessile_sandbox::Driver::start(&driver, spec).await.unwrap_err();
    assert!(error.to_string().contains("did not start within"), "{error}");
    assert!(eventually(Duration::from_secs(20), || left_of(&id).is_empty()), "{:?}", left_of(&id));
}

/// Whoever kills the monitor alone gets no silent session, but one that ended and says how.
#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_dies_is_a_crash() {
    crashes_with_its_monitor(&driver().await).await;
}

pub(crate) async fn crashes_with_its_monitor(driver: &impl Driver) {
    let spec = machine("while :; do read line; done");
    let id = spec.id.to_string();
    let sandbox = start(driver, spec).await;
    let monitor = Pid::from_raw(i32::try_from(monitors(&id)[0]).unwrap()).unwrap();
    kill_process(monitor, Signal::KILL).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), sandbox.ended()).await.unwrap();
    assert_eq!(ended.exit, Exit::Crashed);
    assert_eq!(left_of(&id), [""; 0]);
}

/// The guest's kernel gives up: nobody waits for a machine that cannot come back, and what it said last is in the error.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_panics_is_noticed_and_quoted() {
    let driver = driver().await;
    let directory = tempfile::tempdir().unwrap();
    let garbage = directory.path().canonicalize().unwrap().join("garbage.erofs");
    fs::write(&garbage, vec![7; 1 << 20]).unwrap();
    let mut spec = machine("exit 0");
    let id = spec.id.to_string();
    spec.files.push(sessile_sandbox::FileView::CopyOnWrite { source: garbage, target: "/".into() });
    let error = sessile_sandbox::Driver::start(&driver, spec).await.unwrap_err().to_string();
    assert!(error.contains("the guest stopped") && error.contains("cannot leave the initial file system"), "{error}");
    assert!(eventually(Duration::from_secs(20), || left_of(&id).is_empty()), "{:?}", left_of(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_last_can_be_read_after_the_end() {
    let driver = driver().await;
    let Said { stdout, ended, .. } =
        run(&driver, machine("i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done; exit 2")).await;
    assert_eq!(ended.exit, Exit::Code(2));
    assert_eq!(stdout.lines().count(), 5000);
    assert_eq!(stdout.lines().last(), Some("4999"));
}
