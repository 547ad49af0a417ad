//! One run, from its options to its report.

use std::time::Instant;

use anyhow::Context;

use crate::client::{Dialect, Endpoint, EndpointArgs};
use crate::measure::{CtrlC, Stop};
use crate::report::{Report, workload_name as name};
use crate::suite::{add_scale, suite};
use crate::workload::{call, churn, new_session, park, scale};
use crate::{Args, Load};

/// Runs the load that `args` ask for, until it is done or Ctrl-C or SIGTERM comes.
///
/// Progress goes to stderr, nothing to stdout; with `--json` the report is written to that file too.
///
/// # Errors
/// When the options make no sense, the target's address cannot be used, a file cannot be written, or the
/// suite was cut short. A target that answers wrongly is no error: the report counts its faults.
pub async fn run(args: Args) -> anyhow::Result<Report> {
    let stop = Stop::default();
    let _ctrl_c = CtrlC::listen(&stop).context("cannot listen for Ctrl-C")?;
    let began = Instant::now();
    let mut report = match &args.load {
        Load::Suite(options) => suite(options, &stop).await?,
        single => one(single, &stop).await?,
    };
    report.seconds = began.elapsed().as_secs_f64();
    report.interrupted = stop.is_set();
    if let Load::Suite(options) = &args.load {
        // Half a table would stand in the place of a whole one.
        anyhow::ensure!(!report.interrupted, "the run was cut short; its page and its JSON are not written");
        options.write(&report)?;
    }
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

/// One workload against one endpoint.
async fn one(load: &Load, stop: &Stop) -> anyhow::Result<Report> {
    match load {
        Load::Call { endpoint, load } => {
            let (mut report, target) = begin("call", endpoint).await?;
            let sample = call(&target, load, stop).await;
            report.push(&name::calls(load.clients), &endpoint.url, &sample);
            Ok(report)
        }
        Load::NewSession { endpoint, load } => {
            let (mut report, target) = begin("new-session", endpoint).await?;
            let sample = new_session(&target, load, stop).await;
            report.push(name::NEW_SESSION, &endpoint.url, &sample);
            Ok(report)
        }
        Load::Churn { endpoint, load, bystander } => {
            let (mut report, target) = begin("churn", endpoint).await?;
            if bystander.per_second > 0.0 {
                let bystander = bystander.for_time_of(load);
                let (alone, _) = crate::workload::bystander(&target, &bystander, None, stop).await;
                let (beside, churned) = crate::workload::bystander(&target, &bystander, Some(load), stop).await;
                report.push(name::CALM, &endpoint.url, &alone);
                report.push(name::CALM_BESIDE, &endpoint.url, &beside);
                report.push(name::CHURN_BESIDE, &endpoint.url, &churned);
            } else {
                report.push(name::CHURN, &endpoint.url, &churn(&target, load, stop).await);
            }
            Ok(report)
        }
        Load::Scale { endpoint, load } => {
            let (mut report, target) = begin("scale", endpoint).await?;
            add_scale(&mut report, &endpoint.url, &scale(&target, load, stop).await);
            Ok(report)
        }
        Load::Park { endpoint, load } => {
            // Calls of the other era are asked on their stream, and nothing waits.
            let endpoint = EndpointArgs { dialect: Dialect::Modern, ..endpoint.clone() };
            let (mut report, target) = begin("park", &endpoint).await?;
            report.push(&name::parked(load.calls, load.sessions), &endpoint.url, &park(&target, load, stop).await);
            Ok(report)
        }
        Load::Suite(options) => suite(options, stop).await,
    }
}

async fn begin(mode: &str, endpoint: &EndpointArgs) -> anyhow::Result<(Report, std::sync::Arc<Endpoint>)> {
    Ok((Report::begin(mode), Endpoint::resolve(endpoint).await?))
}
