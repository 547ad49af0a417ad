//! The load generator as a program of its own; `sessile bench` is the same.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "sessile-bench", version, about)]
struct Command {
    #[command(flatten)]
    args: sessile_bench::Args,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = sessile_bench::run(Command::parse().args).await;
    match outcome {
        Ok(report) => {
            let _ = write!(std::io::stdout(), "{}", sessile_bench::report::summary(&report));
            if report.nothing_done() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            sessile_bench::measure::say(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
