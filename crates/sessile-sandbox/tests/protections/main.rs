//! Each attempt of a hostile server meets a protection, as root and rootless; and each protection is worth something: without it, and
//! without whatever else holds the same attempt, the attempt succeeds. The second half needs the feature `weaken`.
//!
//! [`table`] lists the attempts and what holds each; [`inside`] makes them, in this same program run as the server; [`host`] lays out
//! what there is to be got at on the host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host;
mod inside;
mod limits;
mod outcome;
mod rootless;
#[path = "../process/support/mod.rs"]
#[allow(dead_code)] // what the other tests need of it
mod support;
mod table;

use crate::host::Host;
use crate::outcome::Outcome;
use crate::table::attempts;
use sessile_sandbox::{ProcessConfig, process_driver};

#[test]
fn every_attempt_is_held() {
    let host = Host::new();
    let driver = process_driver(ProcessConfig::default()).unwrap();
    for attempt in attempts(support::is_root()) {
        let outcome = host.try_it(&driver, attempt.name);
        assert!(matches!(outcome, Outcome::Held(_)), "{}: {outcome:?}", attempt.name);
    }
}

#[test]
fn every_attempt_of_a_further_command_is_held() {
    let host = Host::new();
    let driver = process_driver(ProcessConfig::default()).unwrap();
    for attempt in attempts(support::is_root()) {
        let outcome = host.try_it_beside(&driver, attempt.name);
        assert!(matches!(outcome, Outcome::Held(_)), "{}: {outcome:?}", attempt.name);
    }
}

#[test]
fn no_protection_is_without_an_attempt() {
    for protection in sessile_link::Protection::ALL {
        let tried = [true, false].into_iter().flat_map(attempts).any(|attempt| attempt.layers.contains(&protection));
        assert!(tried, "{protection:?}");
    }
}

/// With `without` left out of every sandbox.
#[cfg(feature = "weaken")]
fn weakened(host: &Host, name: &str, without: &[sessile_link::Protection]) -> Outcome {
    let driver = sessile_sandbox::weakened_driver(ProcessConfig::default(), without).unwrap();
    host.try_it(&driver, name)
}

#[cfg(feature = "weaken")]
#[test]
fn without_what_holds_it_an_attempt_succeeds() {
    let host = Host::new();
    let mut still_held = Vec::new();
    for attempt in attempts(support::is_root()) {
        let without = [attempt.layers, attempt.aside].concat();
        match weakened(&host, attempt.name, &without) {
            Outcome::Done(_) => {}
            Outcome::NotHere(why) => println!("{}: not on this host: {why}", attempt.name),
            Outcome::Held(by) => still_held.push(format!("{}: {by}", attempt.name)),
        }
    }
    assert!(still_held.is_empty(), "held by something else: {still_held:#?}");
}

/// So that a command is held by what the table says, and not by never getting that far.
#[cfg(feature = "weaken")]
#[test]
fn without_what_holds_it_a_further_commands_attempt_succeeds() {
    let host = Host::new();
    let mut still_held = Vec::new();
    // Beside a server on the host's own root no command runs at all: there, `/proc` does not show it.
    let tried = |attempt: &&table::Attempt| !attempt.layers.contains(&sessile_link::Protection::FreshRoot);
    for attempt in attempts(support::is_root()).filter(tried) {
        let without = [attempt.layers, attempt.aside].concat();
        let driver = sessile_sandbox::weakened_driver(ProcessConfig::default(), &without).unwrap();
        match host.try_it_beside(&driver, attempt.name) {
            Outcome::Done(_) => {}
            Outcome::NotHere(why) => println!("{}: not on this host: {why}", attempt.name),
            Outcome::Held(by) => still_held.push(format!("{}: {by}", attempt.name)),
        }
    }
    assert!(still_held.is_empty(), "held by something else: {still_held:#?}");
}

#[cfg(feature = "weaken")]
#[test]
fn each_layer_holds_alone() {
    let host = Host::new();
    for attempt in attempts(support::is_root()).filter(|attempt| attempt.layers.len() > 1) {
        for layer in attempt.layers {
            let others = attempt.layers.iter().filter(|other| *other != layer);
            let without: Vec<_> = others.chain(attempt.aside).copied().collect();
            let outcome = weakened(&host, attempt.name, &without);
            assert!(matches!(outcome, Outcome::Held(_)), "{} with {layer:?} alone: {outcome:?}", attempt.name);
        }
    }
}
