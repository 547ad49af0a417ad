//! Hosting: from a manifest to a node that serves until it is told to stop.

mod check;
mod drivers;
mod failure;
mod key;
mod launch;
mod listen;
mod node;
mod plan;
mod shutdown;

pub(crate) use check::check;
pub(crate) use failure::Failure;
pub(crate) use key::key;

use crate::cli::{RunArgs, ServeArgs};
use crate::out;
use std::process::ExitCode;

/// `sessile run`.
pub(crate) async fn run(args: RunArgs, verbose: bool) -> Result<ExitCode, Failure> {
    let plan = plan::of_run(args)?;
    node::host(plan, verbose).await
}

/// `sessile serve`.
pub(crate) async fn serve(args: ServeArgs, verbose: bool) -> Result<ExitCode, Failure> {
    let plan = plan::of_serve(args)?;
    for warning in &plan.warnings {
        out::note(warning);
    }
    node::host(plan, verbose).await
}
