//! Whatever happens, in whatever order: every client request has one answer, every server request has one answer,
//! bounds hold.
//!
//! `SESSILE_LAWS=1000000` tries so many interleavings instead of the usual ones.

mod books;
mod ledger;
mod server;
mod steps;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

use self::ledger::Ledger;
use self::server::Speaks;
use self::steps::{End, Step, steps};
use super::*;

/// How many interleavings are tried when nobody says otherwise.
const CASES: u32 = 6_000;

#[derive(Clone, Debug)]
struct Case {
    opening: Opening,
    speaks: Speaks,
    config: Config,
    steps: Vec<Step>,
    end: End,
}

fn configs() -> impl Strategy<Value = Config> {
    let ring = (1usize..12, prop::sample::select(vec![1usize, 600, 100_000]));
    let limits = (1usize..5, 1usize..4, 1usize..4, 1usize..3);
    let kinds = (any::<bool>(), prop::option::of(prop::sample::select(vec![1u64, 20_000])));
    (ring, limits, kinds).prop_map(|((ring_events, ring_bytes), limits, (serialize, promote_after))| Config {
        ring_events,
        ring_bytes,
        in_flight: limits.0,
        connections: limits.1,
        server_requests: limits.2,
        parked: limits.3,
        serialize,
        promote_after: promote_after.map(Duration::from_millis),
        park_timeout: MINUTE,
        request_timeout: 2 * MINUTE,
        task_ttl: 5 * MINUTE,
        ..Config::default()
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let opening = prop::sample::select(vec![
        (Opening::Legacy, Speaks::Legacy),
        (Opening::Modern, Speaks::Modern),
        (Opening::Probe, Speaks::Legacy),
        (Opening::Probe, Speaks::Modern),
    ]);
    let end = prop::sample::select(End::ALL.to_vec());
    (opening, configs(), steps(), end).prop_map(|((opening, speaks), config, steps, end)| Case {
        opening,
        speaks,
        config,
        steps,
        end,
    })
}

#[test]
fn hold_in_every_order_of_events() {
    let wanted = std::env::var("SESSILE_LAWS").ok().and_then(|cases| cases.parse().ok());
    let runs = Runs { cases: wanted.unwrap_or(CASES), failure_persistence: None, ..Runs::default() };
    let outcome = TestRunner::new(runs).run(&cases(), |case| {
        let mut ledger = Ledger::new(case.opening, case.speaks, case.config);
        for step in case.steps {
            ledger.take(step);
            ledger.check();
        }
        ledger.finish(case.end);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
