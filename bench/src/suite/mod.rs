//! Everything against everything in one run: the figures of `make bench`.
//!
//! All targets are started first and stay up. Then the workloads go round: one round measures every target
//! once, one after another, and the next round begins again at the first, so that a machine that grows
//! warmer or busier weighs on all of them alike.

mod args;
mod crew;
mod eras;
mod languages;
mod parking;
mod plan;
mod stages;
mod versions;

pub use args::SuiteArgs;
pub use plan::Plan;
pub(crate) use stages::add_scale;

use crate::measure::{Stop, say};
use crate::report::{Report, aims};
use crate::target::Kind;
use crew::{Crew, skipped};
use eras::OwnNodes;

/// Runs the whole suite.
///
/// # Errors
/// When the backend's command cannot be found or the scratch folder cannot be made. A target that does not
/// start is left out, and the report says why.
pub async fn suite(args: &SuiteArgs, stop: &Stop) -> anyhow::Result<Report> {
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    let mut report = Report::begin(if args.quick { "quick" } else { "full" });
    report.versions = versions::read(args);
    let scratch = tempfile::Builder::new().prefix("sessile-bench-").tempdir()?;
    let backend = args.backend()?;
    report.skipped = args.unavailable.iter().map(|text| skipped(text)).collect();
    let mut crew = Crew::start(args, &backend, scratch.path(), stop, &mut report).await;
    let places = args.places(scratch.path());
    let own = backend.eras.as_ref().filter(|_| args.measures(Kind::Sessile));
    let own = own.map(|eras| OwnNodes { backend: &backend, eras, places: &places });
    stages::run(&plan, &backend, &args.languages, &crew, own.as_ref(), &mut report, stop).await;
    say("ending the targets");
    crew.end().await;
    report.aims = aims(&report);
    Ok(report)
}
