//! Warm calls: N clients in S sessions, each client sending its next call when the last is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::{end_sessions, open_sessions};
use super::{Budget, Crew, first_id, give_up};
use crate::client::{Client, Endpoint, Session};
use crate::measure::{Sample, Stop};

/// How many calls, from where.
#[derive(Debug, Clone, clap::Args)]
pub struct CallLoad {
    /// Clients, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub clients: usize,
    /// Sessions over which the clients are spread evenly; no more than clients
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub sessions: usize,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// How long to call before measuring
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub warmup: Duration,
    /// End after this many calls, if that comes before the time is over
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
}

/// Opens the sessions, calls, ends the sessions. A unit of work is a call.
pub async fn call(endpoint: &Arc<Endpoint>, load: &CallLoad, stop: &Stop) -> Sample {
    let wanted = load.sessions.clamp(1, load.clients.max(1));
    let (sessions, faults) = open_sessions(endpoint, wanted, stop).await;
    let budget = Arc::new(Budget::new(load.requests));
    let from = Instant::now() + load.warmup;
    let until = from + load.duration;
    let mut crew = Crew::new(stop);
    for (worker, session) in sessions.iter().cycle().take(load.clients).enumerate() {
        let client = Client::new(endpoint, first_id(worker));
        crew.start(caller(client, session.clone(), from..until, Arc::clone(&budget), stop.clone()));
    }
    let mut sample = crew.finish().await;
    sample.faults.merge(&faults);
    sample.faults.merge(&end_sessions(endpoint, sessions).await);
    sample
}

/// Calls until the time is over; what is sent before its begin is not counted.
pub(super) async fn caller(
    mut client: Client,
    session: Session,
    time: std::ops::Range<Instant>,
    budget: Arc<Budget>,
    stop: Stop,
) -> Sample {
    let mut sample = Sample::default();
    let mut in_a_row = 0;
    while !stop.is_set() && !give_up(in_a_row) {
        let now = Instant::now();
        if now >= time.end || (now >= time.start && !budget.take()) {
            break;
        }
        match client.call(&session).await {
            Ok(latency) => {
                in_a_row = 0;
                if now >= time.start {
                    sample.record(latency);
                }
            }
            Err(fault) => {
                in_a_row += 1;
                sample.faults.add(&fault);
            }
        }
    }
    sample.elapsed = Instant::now().saturating_duration_since(time.start);
    sample
}
