//! What the runtime says about itself: one [`Event`] type, and views of it.
//!
//! Everything that happens leaves the runtime as an [`Event`] through [`Telemetry::emit`]. Log lines
//! ([`log`]) and Prometheus metrics ([`metrics`]) are views of that one stream, so that they can never
//! tell different stories. Emitting never blocks the request path: metrics are atomics, and log lines go
//! through a bounded queue that counts what it sheds.
//!
//! This crate does not decide anything and holds no secrets: an event carries the public name of a
//! session, never the id a client authenticates with.
//!
//! Start reading at [`Event`].

mod event;
pub mod log;
pub mod metrics;
#[cfg(test)]
mod tests;

pub use event::{
    CallOutcome, DropCause, EgressTold, Event, ExecOutcome, RestKind, StartKind, TemplateOutcome, Waited, WarmEnd,
};
pub use metrics::Metrics;

use std::sync::Arc;

/// The one outlet of the runtime's events. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
}

impl Telemetry {
    /// An outlet with all counters at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records one event in every view. Never blocks and never fails.
    pub fn emit(&self, event: &Event<'_>) {
        self.metrics.observe(event);
        log::write(event);
    }

    /// The metrics view, in the OpenMetrics text format.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        self.metrics.render()
    }
}
