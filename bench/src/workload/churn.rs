//! Sessions that come and go: open, call once, end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::new_session::first_result;
use super::{Budget, Crew, Pace, give_up};
use crate::client::Endpoint;
use crate::measure::{Sample, Stop};

/// How many sessions come and go at once, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct ChurnLoad {
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub concurrency: usize,
    /// How long
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// Open this many per second instead of as many as go
    #[arg(long, value_name = "RATE")]
    pub per_second: Option<f64>,
    /// End after this many sessions, if that comes before the time is over
    #[arg(long = "count", value_name = "N")]
    pub sessions: Option<u64>,
}

/// A unit of work is a session that was opened, called and ended; its time runs to the first result.
pub async fn churn(endpoint: &Arc<Endpoint>, load: &ChurnLoad, stop: &Stop) -> Sample {
    let begin = Instant::now();
    let until = begin + load.duration;
    let budget = Arc::new(Budget::new(load.sessions));
    let pace = load.per_second.map(|rate| Arc::new(Pace::new(rate, begin)));
    let mut crew = Crew::new(stop);
    for _ in 0..load.concurrency {
        let (endpoint, budget, pace) = (Arc::clone(endpoint), Arc::clone(&budget), pace.clone());
        let stop = stop.clone();
        crew.start(async move {
            let mut sample = Sample::default();
            let mut in_a_row = 0;
            while !stop.is_set() && !give_up(in_a_row) {
                if let Some(pace) = &pace {
                    let due = pace.next(Instant::now());
                    tokio::time::sleep_until(due.min(until).into()).await;
                }
                if Instant::now() >= until || !budget.take() {
                    break;
                }
                match one_session(&endpoint).await {
                    Ok(time) => {
                        in_a_row = 0;
                        sample.record(time);
                    }
                    Err(fault) => {
                        in_a_row += 1;
                        sample.faults.add(&fault);
                    }
                }
            }
            sample.elapsed = begin.elapsed();
            sample
        });
    }
    crew.finish().await
}

async fn one_session(endpoint: &Arc<Endpoint>) -> Result<Duration, crate::client::Fault> {
    let (time, mut client, session) = first_result(endpoint).await?;
    client.delete(session).await?;
    Ok(time)
}
