//! One open connection to the outside, for as long as it is open: its counts, and the event at its end.

use std::sync::Arc;
use std::time::Instant;

use crate::activity::Activity;
use crate::events::{EgressEvent, EgressEvents};
use crate::stop::{Problem, Stop, Unreachable};
use crate::target::Target;
use crate::traffic::{Counter, Counters};

/// Lives as long as the connection; its end is reported however it comes.
pub(crate) struct Passage {
    target: Target,
    own: Counter,
    counters: [Arc<Counter>; 2],
    pub(crate) activity: Activity,
    events: Arc<dyn EgressEvents>,
    since: Instant,
}

impl Passage {
    pub(crate) fn begin(target: Target, counters: &Counters, events: Arc<dyn EgressEvents>) -> Self {
        let counters = [Arc::clone(&counters.session), counters.of(&target)];
        Self { target, own: Counter::default(), counters, activity: Activity::new(), events, since: Instant::now() }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.own.add_sent(bytes);
        self.counters.iter().for_each(|counter| counter.add_sent(bytes));
        self.activity.note();
    }

    pub(crate) fn received(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.own.add_received(bytes);
        self.counters.iter().for_each(|counter| counter.add_received(bytes));
        self.activity.note();
    }

    /// The connection failed for this reason.
    pub(crate) fn unreachable(&self, problem: Problem) -> Stop {
        Stop::Unreachable(Unreachable { target: self.target.clone(), problem })
    }

    /// Whether the server has said anything yet.
    pub(crate) fn is_answered(&self) -> bool {
        self.own.so_far().received > 0
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let (traffic, lasted) = (self.own.so_far(), self.since.elapsed());
        self.events.on(EgressEvent::Closed { target: &self.target, traffic, lasted });
    }
}
