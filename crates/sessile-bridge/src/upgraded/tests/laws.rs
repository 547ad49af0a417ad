//! Whatever happens, in whatever order: every request has one answer, every question an answer or an end, and the
//! server is left with nothing that nobody waits for.

mod ledger;
mod steps;

use proptest::prelude::*;

use self::ledger::Ledger;
use self::steps::{End, Step, steps};
use super::*;
use crate::Transport;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hold_whatever_the_server_does(
        steps in steps(),
        is_open in prop::bool::weighted(0.9),
        transport in prop::sample::select(vec![Transport::Streamable, Transport::SingleStream]),
        ring_events in prop::sample::select(vec![1usize, 8, 1000]),
        in_flight in 1usize..5,
        server_requests in 1usize..4,
        end in prop::sample::select(End::ALL.to_vec()),
    ) {
        let config = Config { ring_events, in_flight, server_requests, transport, ..Config::default() };
        let mut ledger = Ledger::new(config, is_open);
        for step in steps {
            ledger.take(step);
            ledger.check();
        }
        ledger.finish(end);
    }
}
