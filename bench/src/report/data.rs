//! The report as it is written to JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Aim, Metric, median};
use crate::measure::{Figures, Machine, Sample};

/// The names of the workloads in a report.
pub mod workload_name {
    /// Warm calls with so many clients, each in a session of its own.
    pub fn calls(clients: usize) -> String {
        format!("calls, {clients} clients")
    }
    /// Warm calls at `sessions` live sessions.
    pub fn scale(sessions: usize) -> String {
        format!("calls beside {sessions} sessions")
    }
    /// As few sessions as at the beginning, after there were many.
    pub const SCALE_BACK: &str = "calls after the other sessions ended";
    /// Sessions one after another, to the first tool result.
    pub const NEW_SESSION: &str = "new session";
    /// The same of a server in another language.
    pub fn new_session_of(language: &str) -> String {
        format!("new session of {language}")
    }
    /// The language's name, out of the name of such a workload.
    pub fn language_of(workload: &str) -> Option<&str> {
        workload.strip_prefix("new session of ")
    }
    /// Sessions that come and go as fast as they can.
    pub const CHURN: &str = "churn";
    /// Calm calls without churn.
    pub const CALM: &str = "calm calls";
    /// Calm calls beside churn.
    pub const CALM_BESIDE: &str = "calm calls beside churn";
    /// What is answered without a session, asked by so many clients.
    pub fn asks(method: &str, clients: usize) -> String {
        format!("{method}, {clients} clients")
    }
    /// So many calls parked in so many sessions; the time is that from answer to result.
    pub fn parked(calls: usize, sessions: usize) -> String {
        format!("{calls} calls parked in {sessions} sessions")
    }
    /// From a ticket to a request state.
    pub const SEAL: &str = "seal a request state";
    /// From a request state to its ticket.
    pub const OPEN: &str = "open a request state";
    /// That churn itself.
    pub const CHURN_BESIDE: &str = "churn beside calm calls";
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// When it began, UTC.
    pub began: String,
    /// How long it took.
    pub seconds: f64,
    /// What kind of run: `full`, `quick`, or the one workload.
    pub mode: String,
    /// Whether it was cut short.
    pub interrupted: bool,
    /// Where.
    pub machine: Machine,
    /// Versions of everything that took part.
    pub versions: BTreeMap<String, String>,
    /// What was measured.
    pub targets: Vec<TargetInfo>,
    /// What was not, and why.
    pub skipped: Vec<Skipped>,
    /// The figures.
    pub measurements: Vec<Measurement>,
    /// The aims, held against the figures.
    pub aims: Vec<Aim>,
}

/// A target of the run.
#[derive(Debug, Clone, Serialize)]
pub struct TargetInfo {
    /// Its name in the tables.
    pub name: String,
    /// What a session is there.
    pub note: String,
    /// How it was started.
    pub command: String,
    /// Whether each session has a process of its own.
    pub starts_processes: bool,
    /// Whether it is another gateway.
    pub is_peer: bool,
}

/// A target or a figure that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Which.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// One workload against one target, in all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// The workload, one of [`workload_name`].
    pub workload: String,
    /// The target's name.
    pub target: String,
    /// Each round; the same round of two targets lies close in time.
    pub rounds: Vec<Figures>,
    /// All rounds together.
    pub all: Figures,
    #[serde(skip)]
    sum: Sample,
}

impl Report {
    /// An empty report of a run that begins now.
    pub fn begin(mode: &str) -> Self {
        Self {
            began: crate::measure::now_text(),
            seconds: 0.0,
            mode: mode.to_owned(),
            interrupted: false,
            machine: Machine::read(),
            versions: BTreeMap::new(),
            targets: Vec::new(),
            skipped: Vec::new(),
            measurements: Vec::new(),
            aims: Vec::new(),
        }
    }

    /// Adds a round.
    pub fn push(&mut self, workload: &str, target: &str, sample: &Sample) {
        let place = self.measurements.iter().position(|known| known.workload == workload && known.target == target);
        let index = place.unwrap_or_else(|| {
            self.measurements.push(Measurement {
                workload: workload.to_owned(),
                target: target.to_owned(),
                rounds: Vec::new(),
                all: Figures::default(),
                sum: Sample::default(),
            });
            self.measurements.len() - 1
        });
        if let Some(measurement) = self.measurements.get_mut(index) {
            measurement.rounds.push(sample.figures());
            measurement.sum.append(sample);
            measurement.all = measurement.sum.figures();
        }
    }

    /// The measurement of a workload against a target, if anything was done right in it.
    pub fn find(&self, workload: &str, target: &str) -> Option<&Measurement> {
        self.measurements
            .iter()
            .find(|known| known.workload == workload && known.target == target && known.all.done > 0)
    }

    /// A figure in each round.
    pub fn rounds(&self, workload: &str, target: &str, metric: Metric) -> Vec<f64> {
        self.find(workload, target)
            .map(|found| found.rounds.iter().filter_map(|round| metric.of(round)).collect())
            .unwrap_or_default()
    }

    /// A figure over all rounds: the median of the rounds, which one bad round does not move.
    pub fn value(&self, workload: &str, target: &str, metric: Metric) -> Option<f64> {
        median(self.rounds(workload, target, metric))
    }

    /// How often `target`'s figure holds that of `floor`, as the median of the rounds' ratios: the two
    /// of one round were measured close to each other, so drift of the machine cancels.
    pub fn ratio(&self, workload: &str, metric: Metric, target: &str, floor: &str) -> Option<f64> {
        let (mine, theirs) = (self.rounds(workload, target, metric), self.rounds(workload, floor, metric));
        median(mine.iter().zip(&theirs).filter(|(_, floor)| **floor > 0.0).map(|(mine, floor)| mine / floor).collect())
    }

    /// Whether not one unit of work was done.
    pub fn nothing_done(&self) -> bool {
        self.measurements.iter().all(|measurement| measurement.all.done == 0)
    }
}
