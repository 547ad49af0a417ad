//! Workers that measure side by side.

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::client::{Client, Endpoint, Faults, Session};
use crate::measure::{Sample, Stop};

/// How many sessions are opened or ended at a time where that is not what is measured.
const HANDS: usize = 8;

/// How many faults in a row end a worker: the target is gone, and more of the same tells nothing.
const MOST_FAULTS_IN_A_ROW: u32 = 20;

/// Whether a worker with this many faults in a row should end.
pub(crate) fn give_up(faults_in_a_row: u32) -> bool {
    faults_in_a_row >= MOST_FAULTS_IN_A_ROW
}

/// The first request id of a worker: far enough apart that two workers of one session never meet, and
/// small enough for a server that reads numbers as doubles.
pub(crate) fn first_id(worker: usize) -> u64 {
    ((worker as u64) << 32) + 1
}

/// Worker numbers of those who open and end sessions, past any worker that calls.
const OPENERS: usize = 1 << 16;

/// A set of workers; dropping it ends them.
pub(crate) struct Crew {
    workers: JoinSet<Option<Sample>>,
    stop: Stop,
}

impl Crew {
    pub(crate) fn new(stop: &Stop) -> Self {
        Self { workers: JoinSet::new(), stop: stop.clone() }
    }

    /// Starts a worker.
    pub(crate) fn start(&mut self, work: impl Future<Output = Sample> + Send + 'static) {
        let stop = self.stop.clone();
        self.workers.spawn(async move { stop.bound(work).await });
    }

    /// Waits for all of them and adds up what they saw.
    pub(crate) async fn finish(mut self) -> Sample {
        let mut all = Sample::default();
        while let Some(done) = self.workers.join_next().await {
            if let Ok(Some(sample)) = done {
                all.join(&sample);
            }
        }
        all
    }
}

/// Opens `count` sessions, several at a time. Those that could not be opened are among the faults.
pub(crate) async fn open_sessions(endpoint: &Arc<Endpoint>, count: usize, stop: &Stop) -> (Vec<Session>, Faults) {
    let mut openers = JoinSet::new();
    for hand in 0..HANDS.min(count) {
        let (endpoint, stop) = (Arc::clone(endpoint), stop.clone());
        let share = (hand..count).step_by(HANDS).count();
        openers.spawn(async move {
            let mut client = Client::new(&endpoint, first_id(OPENERS + hand));
            let (mut sessions, mut faults) = (Vec::with_capacity(share), Faults::default());
            let mut in_a_row = 0;
            for _ in 0..share {
                if stop.is_set() || give_up(in_a_row) {
                    break;
                }
                match client.open_warm().await {
                    Ok(session) => {
                        sessions.push(session);
                        in_a_row = 0;
                    }
                    Err(fault) => {
                        faults.add(&fault);
                        in_a_row += 1;
                    }
                }
            }
            (sessions, faults)
        });
    }
    let (mut sessions, mut faults) = (Vec::with_capacity(count), Faults::default());
    while let Some(done) = openers.join_next().await {
        if let Ok((opened, failed)) = done {
            sessions.extend(opened);
            faults.merge(&failed);
        }
    }
    (sessions, faults)
}

/// Ends sessions, several at a time, also after a stop: what was opened is not left behind.
pub(crate) async fn end_sessions(endpoint: &Arc<Endpoint>, mut sessions: Vec<Session>) -> Faults {
    let mut enders = JoinSet::new();
    let share = sessions.len().div_ceil(HANDS).max(1);
    while !sessions.is_empty() {
        let part = sessions.split_off(sessions.len().saturating_sub(share));
        let mut client = Client::new(endpoint, first_id(OPENERS));
        enders.spawn(async move {
            let mut faults = Faults::default();
            let mut in_a_row = 0;
            for session in part {
                match client.delete(session).await {
                    Ok(()) => in_a_row = 0,
                    Err(fault) => {
                        faults.add(&fault);
                        in_a_row += 1;
                    }
                }
                if give_up(in_a_row) {
                    break;
                }
            }
            faults
        });
    }
    let mut faults = Faults::default();
    while let Some(done) = enders.join_next().await {
        faults.merge(&done.unwrap_or_default());
    }
    faults
}
