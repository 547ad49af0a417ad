//! What is asked of the view, and what it answers.

use std::path::PathBuf;

use super::HostEnv;
use crate::FileView;

/// A command and what its operator said about files.
#[derive(Clone, Debug, Default)]
pub struct ViewRequest {
    /// The program and its arguments, as they were written.
    pub command: Vec<String>,
    /// The directory that relative paths start from: where `sessile run` was started, or where the manifest lies.
    /// It is shown as a private copy, unless it is a home or a system directory. `None`: the server starts in
    /// `/workspace`, and only absolute paths name files of the host.
    pub cwd: Option<PathBuf>,
    /// The variables of the host that decide where things are.
    pub host: HostEnv,
    /// Paths that the operator shows read-only (`--read`, `read_only` in a manifest). Absolute, or relative to `cwd`.
    pub read: Vec<PathBuf>,
    /// Paths that the operator shows writable (`--write`): what the server writes there stays on the host.
    pub write: Vec<PathBuf>,
    /// A directory of the host that becomes `/workspace`, writable. `None`: a private one for each session.
    pub workspace: Option<PathBuf>,
    /// Views that were decided elsewhere, such as those of an installed package. Taken over as they are.
    pub also: Vec<FileView>,
    /// Directories that stay empty inside even when something above them is shown: the runtime's own state.
    pub conceal: Vec<PathBuf>,
}

/// What a server sees of the host, ready to be put into a sandbox's specification.
#[derive(Clone, Debug)]
pub struct View {
    /// The command with its program as an absolute path that is visible inside, shims resolved.
    pub command: Vec<String>,
    /// The working directory inside.
    pub cwd: PathBuf,
    /// What is visible, parents before children, nothing twice.
    pub files: Vec<FileView>,
    /// The whole environment to start from: `PATH`, `HOME`, locale, time zone, certificates. Nothing else of the
    /// host's environment is in it.
    pub env: Vec<(String, String)>,
    /// What was decided and why, one line each, for `sessile check` and `-v`.
    pub explanation: Vec<String>,
    /// The directory on the host that relative paths were read from.
    pub started_in: Option<PathBuf>,
}
