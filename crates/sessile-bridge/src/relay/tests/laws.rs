//! Whatever happens, in whatever order: every request has one answer, nothing is lost in silence, bounds hold.

mod ledger;
mod steps;

use proptest::prelude::*;

use self::ledger::Ledger;
use self::steps::{End, Step, steps};
use super::*;
use crate::Transport;

fn check(config: Config, version: &str, steps: Vec<Step>, end: End) {
    let mut ledger = Ledger::new(config, version);
    for step in steps {
        ledger.take(step);
        ledger.check();
    }
    ledger.finish(end);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hold_over_streamable_http(
        steps in steps(),
        version in prop::sample::select(vec!["2025-03-26", "2025-06-18", "2025-11-25"]),
        ring_events in 1usize..12,
        ring_bytes in prop::sample::select(vec![1usize, 600, 100_000]),
        in_flight in 1usize..5,
        connections in 1usize..4,
        end in prop::sample::select(End::ALL.to_vec()),
    ) {
        let server_requests = 3;
        let config = Config { ring_events, ring_bytes, in_flight, connections, server_requests, ..Config::default() };
        check(config, version, steps, end);
    }

    #[test]
    fn hold_over_one_stream(steps in steps(), ring_events in 1usize..12, in_flight in 1usize..5, end in prop::sample::select(End::ALL.to_vec())) {
        let transport = Transport::SingleStream;
        let config = Config { ring_events, in_flight, transport, ..Config::default() };
        check(config, "2024-11-05", steps, end);
    }
}
