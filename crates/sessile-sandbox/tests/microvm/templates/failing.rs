//! A template that cannot be made or copied costs nobody a session.

use crate::spoiled::{self, without};
use crate::support::{config, eventually, leaks, machine};
use rustix::process::{Pid, Signal, kill_process};
use sessile_sandbox::Driver;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is done to the command of a copy's monitor.
type Damage = fn(&mut Vec<String>);

async fn spoiled(damage: Damage) -> (impl Driver, Arc<AtomicUsize>) {
    let is_copy = |command: &[String]| command.iter().any(|word| word == "-incoming");
    spoiled::driver(config(), is_copy, move |_, command| damage(command)).await
}

/// Starts a machine and ends it; gives what was noted.
async fn notes_of_a_start(driver: &impl Driver) -> Vec<String> {
    let sandbox = driver.start(machine("while :; do read line; done")).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!sandbox.is_copy());
    let notes = sandbox.notes().to_vec();
    sandbox.kill();
    sandbox.ended().await;
    notes
}

/// Starts machines until three copies have failed, each of which became a machine that boots.
async fn fails_three_times(damage: Damage, why: &str) {
    let (driver, copies) = spoiled(damage).await;
    let mut told = Vec::new();
    for _ in 0..60 {
        let notes = notes_of_a_start(&driver).await;
        told.extend(notes);
        if copies.load(Ordering::Relaxed) == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(copies.load(Ordering::Relaxed), 3);
    assert!(told.len() == 3 && told.iter().all(|note| note.contains("was booted") && note.contains(why)), "{told:?}");
    for _ in 0..2 {
        let notes = notes_of_a_start(&driver).await;
        assert!(notes.iter().any(|note| note.contains(why)), "{notes:?}");
    }
    assert_eq!(copies.load(Ordering::Relaxed), 3, "what fails three times is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_refuses_to_restore_is_a_note_and_a_boot() {
    fails_three_times(|command| without("-incoming", command), "could not be restored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_does_not_come_up_is_a_note_and_a_boot() {
    fails_three_times(|command| command.push("-nonsense".into()), "invalid option").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_says_nothing_is_given_up_in_time() {
    fails_three_times(|command| without("-mon", command), "it did not answer in time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_gets_nowhere_is_given_up_in_time() {
    let lose_the_link = |command: &mut Vec<String>| {
        let link = command.iter().position(|word| word == "stdio,id=link,signal=off").unwrap();
        command[link] = "ringbuf,id=link,size=16384".into();
    };
    fails_three_times(lose_the_link, "it did not answer in time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_in_the_making_that_is_killed_leaves_nothing_and_is_made_again() {
    let (driver, _) = spoiled(|_| {}).await;
    // A size of its own, to be told from other tests'.
    let kind = || {
        let mut spec = machine("while :; do read line; done");
        spec.limits.memory = Some(208 << 20);
        spec
    };
    let makers = || {
        let all = leaks::processes_with(&format!("guest=template-{}-", std::process::id()));
        let of_the_kind = |pid: &u32| leaks::processes_with("size=208M,mem-path").contains(pid);
        all.into_iter().filter(of_the_kind).collect::<Vec<_>>()
    };
    drop(driver.start(kind()).await.unwrap());
    assert!(eventually(Duration::from_secs(60), || !makers().is_empty()));
    for maker in makers() {
        let _ = kill_process(Pid::from_raw(i32::try_from(maker).unwrap()).unwrap(), Signal::KILL);
    }
    assert!(eventually(Duration::from_secs(10), || makers().is_empty()));
    // The next ones boot, until it is known what came of it.
    let mut notes = Vec::new();
    for _ in 0..20 {
        let sandbox = driver.start(kind()).await.unwrap();
        notes = sandbox.notes().to_vec();
        sandbox.kill();
        sandbox.ended().await;
        if !notes.is_empty() || sandbox.is_copy() {
            break;
        }
    }
    assert!(notes.iter().any(|note| note.contains("was booted, and not copied from a template")), "{notes:?}");
    super::Copies(driver).start(kind()).await.unwrap();
}
