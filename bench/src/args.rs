//! The command line.

use std::path::PathBuf;

use crate::client::EndpointArgs;
use crate::suite::SuiteArgs;
use crate::workload::{BystanderLoad, CallLoad, ChurnLoad, NewSessionLoad, ScaleLoad};

/// Put real MCP load on a server and measure what comes back.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub load: Load,
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE", global = true)]
    pub json: Option<PathBuf>,
}

/// The kinds of load.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Load {
    /// Warm calls: calls per second and their latencies
    Call {
        /// Where to.
        #[command(flatten)]
        endpoint: EndpointArgs,
        /// How much.
        #[command(flatten)]
        load: CallLoad,
    },
    /// New sessions one after another: connect to first tool result
    NewSession {
        /// Where to.
        #[command(flatten)]
        endpoint: EndpointArgs,
        /// How much.
        #[command(flatten)]
        load: NewSessionLoad,
    },
    /// Sessions that come and go, and calm calls beside them
    Churn {
        /// Where to.
        #[command(flatten)]
        endpoint: EndpointArgs,
        /// How much.
        #[command(flatten)]
        load: ChurnLoad,
        /// Beside what.
        #[command(flatten)]
        bystander: BystanderLoad,
    },
    /// Warm calls beside more and more idle sessions, and the target's memory
    Scale {
        /// Where to.
        #[command(flatten)]
        endpoint: EndpointArgs,
        /// How much.
        #[command(flatten)]
        load: ScaleLoad,
    },
    /// Everything against everything, in turns: the page docs/benchmarks.md
    Suite(SuiteArgs),
}

#[cfg(test)]
mod tests;
