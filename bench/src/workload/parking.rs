//! Calls that wait for their client's input: what they weigh while they wait, and how fast they go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use super::{first_id, give_up};
use crate::client::{Client, Endpoint, Faults, Parked, Session};
use crate::measure::{Footprint, ParkedWeight, Sample, Stop};

/// How many calls to park, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct ParkLoad {
    /// Calls parked at one time
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub calls: usize,
    /// Sessions over which they are spread evenly; no more than calls
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub sessions: usize,
    /// Park and answer again until this many were answered
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub at_least: usize,
    /// What the form of a question is filled in with, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json)]
    pub answer: Value,
    /// The target's process, to read its memory and threads
    #[arg(long)]
    pub pid: Option<u32>,
}

fn json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Sessions that are parked in at a time.
const HANDS: usize = 10;

/// How long the target gets to come to rest before it is looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// A client, and the sessions that it alone calls in.
///
/// A session is called in by one client only, one call after another: a legacy server does not say which call its
/// question belongs to, so of calls that begin at once one may be parked with the questions of two.
struct Hand {
    client: Client,
    sessions: Vec<Session>,
    calls: usize,
}

/// Parks the calls, looks at the target, and answers one after another, oldest first, while the others wait. A unit of
/// work is an answer, its time that from the answer to the tool's result.
///
/// Before the first look each session has had one call parked and answered, and all connections are open: what is
/// weighed then is the calls. The endpoint's dialect must be the modern one that names its sessions.
pub async fn park(endpoint: &Arc<Endpoint>, load: &ParkLoad, stop: &Stop) -> Sample {
    let wanted = load.sessions.clamp(1, load.calls.max(1));
    let mut sample = Sample::default();
    let mut sessions = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        match Client::new(endpoint, 1).open().await {
            Ok(session) => sessions.push(session),
            Err(fault) => {
                sample.faults.add(&fault);
                return sample;
            }
        }
    }
    let mut hands = hands(endpoint, &sessions, load.calls);
    // What the first look finds has parked and gone on before; how long that took with sessions that only start is no
    // figure.
    let mut first = hands_park(&mut hands, true, &mut sample.faults, stop).await;
    let mut started = Sample::default();
    answer(endpoint, &mut first, load, &mut started, stop).await;
    sample.faults.merge(&started.faults);
    stop.sleep(SETTLE).await;
    let mut weight = None;
    while !stop.is_set() && (weight.is_none() || sample.done < load.at_least as u64) {
        let before = load.pid.and_then(Footprint::of);
        let mut parked = hands_park(&mut hands, false, &mut sample.faults, stop).await;
        if parked.len() < load.calls {
            // A part of them weighs what a part of them weighs.
            answer(endpoint, &mut parked, load, &mut sample, stop).await;
            break;
        }
        if weight.is_none() {
            stop.sleep(SETTLE).await;
            weight = Some(ParkedWeight {
                calls: parked.len() as u64,
                sessions: sessions.len() as u64,
                message_bytes: parked.iter().map(|parked| parked.message_bytes).sum(),
                before,
                after: load.pid.and_then(Footprint::of),
            });
        }
        let done = sample.done;
        answer(endpoint, &mut parked, load, &mut sample, stop).await;
        if sample.done == done {
            break;
        }
    }
    sample.parked = weight;
    sample
}

/// Deals the sessions and the calls out.
fn hands(endpoint: &Arc<Endpoint>, sessions: &[Session], calls: usize) -> Vec<Hand> {
    let count = HANDS.min(sessions.len());
    (0..count)
        .map(|hand| Hand {
            client: Client::new(endpoint, first_id(hand)),
            sessions: sessions.iter().skip(hand).step_by(count).cloned().collect(),
            calls: (hand..calls).step_by(count).count(),
        })
        .collect()
}

/// All hands park their calls, or one call for each session.
async fn hands_park(hands: &mut Vec<Hand>, one_each: bool, faults: &mut Faults, stop: &Stop) -> Vec<Parked> {
    let mut work = JoinSet::new();
    for mut hand in hands.drain(..) {
        let stop = stop.clone();
        work.spawn(async move {
            let (mut parked, mut faults) = (Vec::new(), Faults::default());
            let mut in_a_row = 0;
            let calls = if one_each { hand.sessions.len() } else { hand.calls };
            for session in hand.sessions.iter().cycle().take(calls) {
                if stop.is_set() || give_up(in_a_row) {
                    break;
                }
                match hand.client.park(session).await {
                    Ok(call) => {
                        parked.push(call);
                        in_a_row = 0;
                    }
                    Err(fault) => {
                        faults.add(&fault);
                        in_a_row += 1;
                    }
                }
            }
            (hand, parked, faults)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = work.join_next().await {
        if let Ok((hand, parked, failed)) = done {
            hands.push(hand);
            all.extend(parked);
            faults.merge(&failed);
        }
    }
    all
}

/// Answers all of them, one after another.
async fn answer(endpoint: &Arc<Endpoint>, parked: &mut Vec<Parked>, load: &ParkLoad, sample: &mut Sample, stop: &Stop) {
    let mut client = Client::new(endpoint, first_id(HANDS));
    let began = Instant::now();
    let mut in_a_row = 0;
    for call in parked.drain(..) {
        if stop.is_set() || give_up(in_a_row) {
            break;
        }
        match client.answer(&call, &load.answer).await {
            Ok(latency) => {
                sample.record(latency);
                in_a_row = 0;
            }
            Err(fault) => {
                sample.faults.add(&fault);
                in_a_row += 1;
            }
        }
    }
    sample.elapsed += began.elapsed();
}
