//! The command line.

use std::path::PathBuf;

use crate::client::EndpointArgs;
use crate::suite::SuiteArgs;
use crate::workload::{BystanderLoad, CallLoad, ChurnLoad, NewSessionLoad, ParkLoad, ScaleLoad};

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
    /// Calls that wait for their client's input: the target's memory and threads, and how fast they go on
    Park {
        /// Where to: a tool that asks one form. The dialect is always `modern`.
        #[command(flatten)]
        endpoint: EndpointArgs,
        /// How much.
        #[command(flatten)]
        load: ParkLoad,
    },
    /// Everything against everything, in turns: the page docs/benchmarks.md
    Suite(SuiteArgs),
}

#[cfg(test)]
mod tests;
