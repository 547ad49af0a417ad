//! Servers in other languages, whose interpreters take their time to start.

use std::path::PathBuf;

use serde::Deserialize;

/// A server over stdio, and the tool called in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Its name in tables.
    pub name: String,
    /// Its command, by hand and in a sandbox: words, paths absolute.
    pub command: Vec<String>,
    /// Directories that it reads, beyond those of the system.
    #[serde(default)]
    pub read_only: Vec<PathBuf>,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub tool_args: serde_json::Map<String, serde_json::Value>,
}

impl std::str::FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let language: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if language.command.is_empty() { Err("`command` is empty".to_owned()) } else { Ok(language) }
    }
}
