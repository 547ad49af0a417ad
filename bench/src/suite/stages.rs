//! The workloads, in turns.

use std::time::Duration;

use super::Plan;
use super::crew::{Crew, Target};
use super::eras::OwnNodes;
use crate::client::{CallTemplate, IdStyle};
use crate::floor::{PipeBackend, Spawn, exec_churn, pipe_calls, pipe_churn, pipe_new_session};
use crate::measure::{Sample, Stop, say};
use crate::report::{CHURN_BESIDE_PER_SECOND, Report, Skipped, floor_name, workload_name as name};
use crate::target::{Backend, Kind, Language};
use crate::workload::{
    BystanderLoad, CallLoad, ChurnLoad, NewSessionLoad, ScaleLoad, ScaleStep, bystander, call, churn, new_session,
    scale,
};

/// Runs every stage of the plan; a stop ends it between two measurements.
pub(super) async fn run(
    plan: &Plan,
    backend: &Backend,
    languages: &[Language],
    crew: &Crew,
    own: Option<&OwnNodes<'_>>,
    report: &mut Report,
    stop: &Stop,
) {
    let pipe = CallTemplate::new(&backend.tool, &backend.tool_args, IdStyle::Number)
        .map(|call| PipeBackend { command: backend.command.clone(), call });
    let pipe = match pipe {
        Ok(pipe) => pipe,
        Err(error) => {
            report.skipped.push(Skipped { name: floor_name::BY_HAND.to_owned(), reason: error.to_string() });
            return;
        }
    };
    let mut stage = Stage { plan, pipe, languages, crew, own, report, stop };
    for round in 1..=plan.rounds {
        say(format_args!("round {round} of {}: warm calls", plan.rounds));
        stage.calls().await;
        say(format_args!("round {round} of {}: new sessions", plan.rounds));
        stage.new_sessions().await;
        say(format_args!("round {round} of {}: churn", plan.rounds));
        stage.churn().await;
        say(format_args!("round {round} of {}: calm calls beside churn", plan.rounds));
        stage.calm().await;
        say(format_args!("round {round} of {}: both eras", plan.rounds));
        stage.eras().await;
        say(format_args!("round {round} of {}: servers in other languages", plan.rounds));
        stage.languages().await;
    }
    say("idle sessions");
    stage.scale().await;
    say("parked calls");
    stage.parking().await;
}

/// What every stage works with.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pipe: PipeBackend,
    pub(super) languages: &'a [Language],
    crew: &'a Crew,
    /// `None` where nothing of the eras is measured.
    pub(super) own: Option<&'a OwnNodes<'a>>,
    pub(super) report: &'a mut Report,
    pub(super) stop: &'a Stop,
}

impl Stage<'_> {
    /// Adds a measurement, and says what came out.
    pub(super) fn push(&mut self, workload: &str, target: &str, sample: &Sample) {
        // A measurement that was cut short is not one.
        if self.stop.is_set() {
            return;
        }
        let rate = sample.figures().per_second.unwrap_or(0.0);
        let p50 = sample.latencies.summary().map_or(0.0, |latency| latency.p50_us / 1e3);
        say(format_args!(
            "  {target}, {workload}: {rate:.0} per second, p50 {p50:.3} ms, {} faults",
            sample.faults.total()
        ));
        self.report.push(workload, target, sample);
    }

    async fn calls(&mut self) {
        let (warmup, duration) = (self.plan.warmup, self.plan.call);
        for &clients in &self.plan.clients {
            let workload = name::calls(clients);
            if clients == 1 {
                let sample = pipe_calls(&self.pipe, warmup, duration, self.stop).await;
                self.push(&workload, floor_name::BY_HAND, &sample);
            }
            for target in &self.crew.targets {
                // A pool changes how sessions begin, not how calls go.
                if self.stop.is_set() || target.kind == Kind::SessilePool {
                    continue;
                }
                let load = CallLoad { clients, sessions: clients, warmup, duration, requests: None };
                let sample = call(&target.endpoint, &load, self.stop).await;
                self.push(&workload, target.kind.name(), &sample);
            }
        }
    }

    async fn new_sessions(&mut self) {
        let load = NewSessionLoad {
            count: self.plan.new_sessions,
            pause: Duration::from_millis(20),
            at_most: Duration::from_secs(20),
        };
        let sample = pipe_new_session(&self.pipe, &load, self.stop).await;
        self.push(name::NEW_SESSION, floor_name::BY_HAND, &sample);
        for target in &self.crew.targets {
            if self.stop.is_set() {
                return;
            }
            let sample = new_session(&target.endpoint, &load, self.stop).await;
            self.push(name::NEW_SESSION, target.kind.name(), &sample);
        }
    }

    async fn churn(&mut self) {
        let (concurrency, duration) = (self.plan.churn_concurrency, self.plan.churn);
        for (how, floor) in [(Spawn::Plain, floor_name::EXEC), (Spawn::Namespaces, floor_name::NAMESPACES)] {
            match exec_churn(how, concurrency, duration, self.stop).await {
                Ok(sample) => self.push(name::CHURN, floor, &sample),
                Err(error) => {
                    let skipped = Skipped { name: floor.to_owned(), reason: format!("{error:#}") };
                    if !self.report.skipped.contains(&skipped) {
                        self.report.skipped.push(skipped);
                    }
                }
            }
        }
        let sample = pipe_churn(&self.pipe, concurrency, duration, self.stop).await;
        self.push(name::CHURN, floor_name::BY_HAND, &sample);
        let load = ChurnLoad { concurrency, duration, per_second: None, sessions: None };
        for target in self.crew.targets.iter().filter(|target| target.kind.starts_processes()) {
            if self.stop.is_set() {
                return;
            }
            let sample = churn(&target.endpoint, &load, self.stop).await;
            self.push(name::CHURN, target.kind.name(), &sample);
        }
    }

    async fn calm(&mut self) {
        let load = BystanderLoad { per_second: self.plan.calm_per_second, duration: self.plan.calm };
        let beside = ChurnLoad {
            concurrency: self.plan.churn_concurrency,
            duration: self.plan.calm,
            per_second: Some(CHURN_BESIDE_PER_SECOND),
            sessions: None,
        };
        let starts = |target: &&Target| target.kind.starts_processes() && target.kind != Kind::SessilePool;
        for target in self.crew.targets.iter().filter(starts) {
            if self.stop.is_set() {
                return;
            }
            let (alone, _) = bystander(&target.endpoint, &load, None, self.stop).await;
            self.push(name::CALM, target.kind.name(), &alone);
            let (with, churned) = bystander(&target.endpoint, &load, Some(&beside), self.stop).await;
            self.push(name::CALM_BESIDE, target.kind.name(), &with);
            self.push(name::CHURN_BESIDE, target.kind.name(), &churned);
        }
    }

    async fn scale(&mut self) {
        let starts = |target: &&Target| target.kind.starts_processes() && target.kind != Kind::SessilePool;
        for target in self.crew.targets.iter().filter(starts) {
            if self.stop.is_set() {
                return;
            }
            let steps = if target.kind.is_peer() { &self.plan.peer_scale } else { &self.plan.scale };
            let load = ScaleLoad { steps: steps.clone(), duration: self.plan.call, pid: target.running.pid() };
            let steps = scale(&target.endpoint, &load, self.stop).await;
            if !self.stop.is_set() {
                add_scale(self.report, target.kind.name(), &steps);
                say(format_args!("  {}: {} steps", target.kind.name(), steps.len()));
            }
        }
    }
}

/// Adds the steps to the report; fewer sessions than before means that the others had been ended.
pub(crate) fn add_scale(report: &mut Report, target: &str, steps: &[ScaleStep]) {
    let mut most = 0;
    for step in steps {
        if step.sessions < most {
            report.push(name::SCALE_BACK, target, &step.sample);
        } else {
            report.push(&name::scale(step.sessions), target, &step.sample);
        }
        most = most.max(step.sessions);
    }
}
