//! Why hosting did not come about, and with which exit code.

use std::process::ExitCode;

/// A failure with its exit code: 1 the thing asked for failed, 2 bad usage or manifest, 3 the host cannot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The manifest or the command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// This host cannot do what is asked.
    #[error("{0}")]
    Host(String),
    /// What was asked for was tried and failed.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Host(_) => 3,
        })
    }
}
