//! What idle live sessions cost those that work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::caller;
use super::crew::{end_sessions, open_sessions};
use super::{Budget, first_id};
use crate::client::{Client, Endpoint, Session};
use crate::measure::{Sample, Stop, init_memory, resident_kib, say};

/// How many sessions to hold open, and how long to measure at each number.
#[derive(Debug, Clone, clap::Args)]
pub struct ScaleLoad {
    /// Numbers of live sessions, rising
    #[arg(long = "sessions", value_name = "N,…", value_delimiter = ',', default_value = "10,100,500,2000")]
    pub steps: Vec<usize>,
    /// How long to call at each number
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// The target's process, to read its memory
    #[arg(long)]
    pub pid: Option<u32>,
}

/// What was seen with so many live sessions.
#[derive(Debug, Clone)]
pub struct ScaleStep {
    /// Live sessions, the one that calls included.
    pub sessions: usize,
    /// Its warm calls, and the memory of the target.
    pub sample: Sample,
}

/// Calls in one session while more and more others sit idle, and at the end again with as few as at the
/// beginning: the first and the last step together tell growth from drift.
pub async fn scale(endpoint: &Arc<Endpoint>, load: &ScaleLoad, stop: &Stop) -> Vec<ScaleStep> {
    let mut sessions: Vec<Session> = Vec::new();
    let mut steps = Vec::new();
    for &wanted in &load.steps {
        if stop.is_set() {
            break;
        }
        let missing = wanted.saturating_sub(sessions.len());
        let (opened, faults) = open_sessions(endpoint, missing, stop).await;
        sessions.extend(opened);
        let mut sample = measure(endpoint, &sessions, steps.len(), load, stop).await;
        sample.faults.merge(&faults);
        let reached = sessions.len();
        steps.push(ScaleStep { sessions: reached, sample });
        if reached < wanted {
            say(format_args!("only {reached} of {wanted} sessions could be opened"));
            break;
        }
    }
    let fewest = load.steps.first().copied().unwrap_or(0);
    if sessions.len() > fewest && !stop.is_set() {
        let surplus = sessions.split_off(fewest);
        let faults = end_sessions(endpoint, surplus).await;
        let mut sample = measure(endpoint, &sessions, steps.len(), load, stop).await;
        sample.faults.merge(&faults);
        steps.push(ScaleStep { sessions: sessions.len(), sample });
    }
    let faults = end_sessions(endpoint, sessions).await;
    if let Some(last) = steps.last_mut() {
        last.sample.faults.merge(&faults);
    }
    steps
}

/// How long the target gets to come to rest before its memory and its calls are looked at.
const SETTLE: Duration = Duration::from_millis(500);

async fn measure(endpoint: &Arc<Endpoint>, sessions: &[Session], step: usize, load: &ScaleLoad, stop: &Stop) -> Sample {
    let Some(session) = sessions.first() else { return Sample::default() };
    stop.sleep(SETTLE).await;
    let from = Instant::now() + load.duration / 10;
    // Ids of this session must not come twice, also not in a later step.
    let client = Client::new(endpoint, first_id(step));
    let work = caller(client, session.clone(), from..from + load.duration, Arc::new(Budget::new(None)), stop.clone());
    let mut sample = stop.bound(work).await.unwrap_or_default();
    sample.resident_kib = load.pid.and_then(resident_kib);
    sample.init = load.pid.and_then(|_| init_memory());
    sample
}
