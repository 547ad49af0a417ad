//! The command line of Sessile. It only wires the other crates together.

mod allocator;
mod cli;
mod client;
mod host;
mod images;
mod out;

use clap::Parser;
use cli::{Cli, Command, LogFormat};
use host::Failure;
use sessile_telemetry::log::{self, Format, LogGuard};
use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::settle();
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(failure) => {
            out::note(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn start(cli: Cli) -> Result<ExitCode, Failure> {
    let _log = start_log(&cli)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Host(format!("no threads to run on: {error}")))?;
    let verbose = cli.verbose > 0;
    let code = runtime.block_on(async move {
        match cli.command {
            Command::Run(args) => host::run(args, verbose).await,
            Command::Serve(args) => host::serve(args, verbose).await,
            Command::Check(args) => host::check(&args, verbose).await,
            Command::Key(args) => host::key(&args),
            Command::Microvm(args) => host::microvm(&args),
            Command::Sessions(args) => client::sessions(args).await.map_err(client_failure),
            Command::Call(args) => client::call(args, verbose).await.map_err(client_failure),
            Command::Tools(args) => client::tools(args, verbose).await.map_err(client_failure),
            Command::Images(args) => images::images(args).await,
            Command::Bench(args) => bench(*args).await,
        }
    });
    // A blocking read of the terminal must not hold the process back.
    runtime.shutdown_background();
    code
}

fn start_log(cli: &Cli) -> Result<LogGuard, Failure> {
    let quiet = matches!(cli.command, Command::Run(_) | Command::Serve(_));
    let filter = match (&cli.log, cli.verbose, quiet) {
        (Some(filter), _, _) => filter.as_str(),
        (None, 0, true) => "warn,sessile=info",
        // The SDK reports as errors what the command itself explains better.
        (None, 0, false) => "warn,rmcp=off",
        (None, 1, _) => "info,rmcp=off",
        (None, 2.., _) => "info,sessile=debug,sessile::request=debug,sessile::runtime=debug",
    };
    let format = match cli.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    log::init(filter, format).map_err(Failure::Usage)
}

fn client_failure(error: client::ClientError) -> Failure {
    let text = error.to_string();
    match error {
        error if error.is_usage() => Failure::Usage(text),
        error if error.is_hosts() => Failure::Host(text),
        _ => Failure::Failed(text),
    }
}

async fn bench(args: sessile_bench::Args) -> Result<ExitCode, Failure> {
    let report = sessile_bench::run(args).await.map_err(|error| Failure::Failed(format!("{error:#}")))?;
    out::line(sessile_bench::report::summary(&report).trim_end());
    Ok(ExitCode::from(u8::from(report.nothing_done())))
}
