//! The options of the suite.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::report::{MEMORY_PLOT, Report, keep_notes, memory_plot, page};
use crate::target::{Backend, Eras, Kind, Language, Places};

/// What to measure and where to put it.
#[derive(Debug, Clone, clap::Args)]
pub struct SuiteArgs {
    /// Less of everything: under three minutes instead of fifteen
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
    /// The backend's arguments to speak versions with `initialize` only; empty when it has none
    #[arg(long, value_name = "ARGS", default_value = "--era legacy", allow_hyphen_values = true)]
    pub backend_legacy: String,
    /// The backend's arguments to speak 2026-07-28 only; empty when it has none
    #[arg(long, value_name = "ARGS", default_value = "--era modern", allow_hyphen_values = true)]
    pub backend_modern: String,
    /// A tool that asks its client one form, for calls to park
    #[arg(long, value_name = "TOOL", default_value = "ask_increment")]
    pub ask_tool: String,
    /// What its form is filled in with, a JSON object
    #[arg(long, value_name = "JSON", default_value = r#"{"by":1}"#)]
    pub ask_answer: String,
    /// A server in another language, as JSON: {"name", "command": [...], "read_only": [...], "tool", "tool_args": {...}}
    #[arg(long = "language", value_name = "JSON")]
    pub languages: Vec<Language>,
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
    /// When the command is empty or names a path that is not there, or the answer is not JSON.
    pub fn backend(&self) -> anyhow::Result<Backend> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut command = words(&self.backend);
        let program = command.first_mut().context("the backend's command is empty")?;
        if program.contains('/') {
            let path = Path::new(program.as_str());
            let path = path.canonicalize().with_context(|| format!("no backend at {program}; build it first"))?;
            *program = path.display().to_string();
        }
        let (legacy, modern) = (words(&self.backend_legacy), words(&self.backend_modern));
        Ok(Backend {
            command,
            eras: (!legacy.is_empty() && !modern.is_empty()).then_some(Eras { legacy, modern }),
            ask_tool: self.ask_tool.clone(),
            ask_answer: serde_json::from_str(&self.ask_answer).context("the answer to the form is not JSON")?,
            http_args: words(&self.backend_http),
            tool: self.tool.clone(),
            tool_args: self.tool_args.clone(),
        })
    }

    /// Where the programs are, and where to put what they need.
    pub(super) fn places(&self, scratch: &Path) -> Places {
        Places { programs: self.programs.clone(), peers: self.peers.clone(), scratch: scratch.to_path_buf() }
    }

    /// Whether a target of this kind is asked for.
    pub(super) fn measures(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// Writes the page and its plot, if a page is asked for.
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
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        if let Some(plot) = memory_plot(report) {
            write(&path.with_file_name(MEMORY_PLOT), plot)?;
        }
        write(path, text)
    }
}
