//! What an image says of the program in it.

use serde::{Deserialize, Serialize};

/// How the image wants its program started. Images from directories say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments behind them, or the whole command where there is no entrypoint.
    pub cmd: Vec<String>,
    /// The working directory, absolute.
    pub workdir: Option<String>,
    /// `USER[:GROUP]`, as names or numbers of the image.
    pub user: Option<String>,
}

impl ImageConfig {
    /// The entrypoint and the arguments; empty where the image names no program.
    pub fn command(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).cloned().collect()
    }
}
