//! What a calm client feels while sessions come and go beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ChurnLoad, Crew, Pace, churn, first_id, give_up};
use crate::client::{Client, Endpoint};
use crate::measure::{Sample, Stop};

/// One client that calls at an even rate in a session of its own.
#[derive(Debug, Clone, clap::Args)]
pub struct BystanderLoad {
    /// Warm calls per second of the bystander; 0 for no bystander
    #[arg(id = "bystander", long, value_name = "RATE", default_value_t = 0.0)]
    pub per_second: f64,
    /// How long
    #[arg(skip = Duration::from_secs(5))]
    pub duration: Duration,
}

/// Calls at the rate of `load`, beside `beside` if there is one; what the bystander saw, and what the churn did.
pub async fn bystander(
    endpoint: &Arc<Endpoint>,
    load: &BystanderLoad,
    beside: Option<&ChurnLoad>,
    stop: &Stop,
) -> (Sample, Sample) {
    let mut crew = Crew::new(stop);
    crew.start(calm_calls(Arc::clone(endpoint), load.clone(), stop.clone()));
    let churned = match beside {
        Some(beside) => churn(endpoint, beside, stop).await,
        None => Sample::default(),
    };
    (crew.finish().await, churned)
}

async fn calm_calls(endpoint: Arc<Endpoint>, load: BystanderLoad, stop: Stop) -> Sample {
    let mut sample = Sample::default();
    let mut client = Client::new(&endpoint, first_id(0));
    let session = match client.open().await {
        Ok(session) => session,
        Err(fault) => {
            sample.faults.add(&fault);
            return sample;
        }
    };
    let begin = Instant::now();
    let until = begin + load.duration;
    let pace = Pace::new(load.per_second, begin);
    let mut in_a_row = 0;
    let mut free_since = begin;
    while !stop.is_set() && !give_up(in_a_row) {
        let due = pace.next(Instant::now());
        if due >= until {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        // A call that was due while the last one still ran has waited since then, and that wait is
        // part of what its caller felt. The timer's own lateness is not.
        let waited = free_since.saturating_duration_since(due);
        match client.call(&session).await {
            Ok(latency) => {
                in_a_row = 0;
                sample.record(latency + waited);
            }
            Err(fault) => {
                in_a_row += 1;
                sample.faults.add(&fault);
            }
        }
        free_since = Instant::now();
    }
    sample.elapsed = begin.elapsed();
    if let Err(fault) = client.delete(session).await {
        sample.faults.add(&fault);
    }
    sample
}

impl BystanderLoad {
    /// The same, for as long as that churn lasts.
    pub(crate) fn for_time_of(&self, churn: &ChurnLoad) -> Self {
        Self { duration: churn.duration, ..self.clone() }
    }
}
