//! Limits are worth something too: what they stop goes through where a server was given more.

use crate::host::Host;
use crate::outcome::Outcome;
use sessile_sandbox::{Driver, Feature, ProcessConfig, SandboxSpec, Strength, process_driver};

/// An attempt, what enforces its limit, and how to give little and plenty.
type Row = (&'static str, Option<Feature>, fn(&mut SandboxSpec), fn(&mut SandboxSpec));

const ROWS: [Row; 5] = [
    ("open_many_files", None, |spec| spec.limits.open_files = 64, |spec| spec.limits.open_files = 1024),
    ("start_many_processes", Some(Feature::Pids), |spec| spec.limits.pids = Some(16), |spec| spec.limits.pids = None),
    (
        "take_much_memory",
        Some(Feature::Memory),
        |spec| spec.limits.memory = Some(64 << 20),
        |spec| spec.limits.memory = Some(512 << 20),
    ),
    ("fill_the_disk", None, |spec| spec.limits.disk = Some(1 << 20), |spec| spec.limits.disk = Some(64 << 20)),
    ("make_many_files", None, |spec| spec.limits.disk = Some(1 << 20), |spec| spec.limits.disk = Some(64 << 20)),
];

#[test]
fn a_limit_stops_what_goes_through_without_it() {
    let host = Host::new();
    let driver = process_driver(ProcessConfig::default()).unwrap();
    for (name, feature, little, plenty) in ROWS {
        if feature.is_some_and(|it| matches!(driver.capabilities().of(it), Some(Strength::Missing { .. }))) {
            continue;
        }
        for (change, is_held) in [(little, true), (plenty, false)] {
            let mut spec = host.spec(name);
            change(&mut spec);
            let outcome = host.outcome(&driver, spec);
            assert_eq!(matches!(outcome, Outcome::Held(_)), is_held, "{name}: {outcome:?}");
        }
    }
}
