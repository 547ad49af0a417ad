//! The options of the suite.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::report::{Report, keep_notes, page};
use crate::target::{Backend, Kind};

/// What to measure and where to put it.
#[derive(Debug, Clone, clap::Args)]
pub struct SuiteArgs {
    /// Less of everything: under three minutes instead of twelve
    #[arg(long)]
    pub quick: bool,
    /// The folder with `sessile`, `bench-echo` and the fixtures
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    pub programs: PathBuf,
    /// The folder into which the peers were installed
    #[arg(long, value_name = "DIR", default_value = "target/tools/peers")]
    pub peers: PathBuf,
    /// The server behind every target, over stdio: a command line of plain words
    #[arg(long, value_name = "COMMAND", default_value = "target/release/fixture-counter")]
    pub backend: String,
    /// Its arguments to serve HTTP and print the URL; empty when it cannot
    #[arg(long, value_name = "ARGS", default_value = "--http 127.0.0.1:0", allow_hyphen_values = true)]
    pub backend_http: String,
    /// The tool to call
    #[arg(long, default_value = "increment")]
    pub tool: String,
    /// The arguments of the tool, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub tool_args: String,
    /// Measure only these targets
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Kind>,
    /// A target that could not be had, and why, for the report
    #[arg(long, value_name = "NAME: REASON")]
    pub unavailable: Vec<String>,
    /// A version for the report
    #[arg(long = "version-of", value_name = "NAME=VERSION")]
    pub version_of: Vec<String>,
    /// Write the page here, keeping its notes
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

impl SuiteArgs {
    /// The server behind the targets, its program as an absolute path: a gateway may run elsewhere.
    ///
    /// # Errors
    /// When the command is empty or names a path that is not there.
    pub fn backend(&self) -> anyhow::Result<Backend> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut command = words(&self.backend);
        let program = command.first_mut().context("the backend's command is empty")?;
        if program.contains('/') {
            let path = Path::new(program.as_str());
            let path = path.canonicalize().with_context(|| format!("no backend at {program}; build it first"))?;
            *program = path.display().to_string();
        }
        Ok(Backend {
            command,
            http_args: words(&self.backend_http),
            tool: self.tool.clone(),
            tool_args: self.tool_args.clone(),
        })
    }

    /// Writes the page, if one is asked for.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, report: &Report) -> anyhow::Result<()> {
        let Some(path) = &self.page else { return Ok(()) };
        let new = page(report);
        let text = match std::fs::read_to_string(path) {
            Ok(old) => keep_notes(&new, &old),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => new,
            // Unreadable notes must not be written over.
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
