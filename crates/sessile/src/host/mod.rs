//! Hosting: from a manifest to a node that serves until it is told to stop.

mod budgets;
mod check;
mod drivers;
mod failure;
mod image;
mod keeping;
mod key;
mod launch;
mod listen;
mod microvm;
mod node;
pub(crate) mod plan;
mod public;
mod reach;
mod reload;
mod shutdown;
mod strict;
mod workspaces;

pub(crate) use check::check;
pub(crate) use failure::Failure;
pub(crate) use key::key;
pub(crate) use microvm::microvm;
pub(crate) use shutdown::Stops;

use crate::cli::{RunArgs, ServeArgs};
use crate::out;
use std::process::ExitCode;

/// `sessile run`.
pub(crate) async fn run(args: RunArgs, verbose: bool) -> Result<ExitCode, Failure> {
    host(plan::of_run(args)?, verbose).await
}

/// `sessile serve`.
pub(crate) async fn serve(args: ServeArgs, verbose: bool) -> Result<ExitCode, Failure> {
    host(plan::of_serve(args)?, verbose).await
}

async fn host(plan: plan::Plan, verbose: bool) -> Result<ExitCode, Failure> {
    for warning in &plan.warnings {
        out::note(warning);
    }
    node::host(plan, verbose).await
}
