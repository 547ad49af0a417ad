//! From what the kernel or `sessile-exec` said to an [`ExecError`] that tells the operator what to do.

use crate::exec::ExecError;
use crate::process::spawn::{ChildStep, SpawnError};
use sessile_link::Refusal;
use sessile_link::exec::{FORK, JOIN};
use std::io;

impl From<SpawnError> for ExecError {
    fn from(error: SpawnError) -> Self {
        match error {
            // Where a process is born into its cgroup, the cgroup's limit holds for it from the first moment.
            SpawnError::Clone(source) if source.raw_os_error() == Some(libc::EAGAIN) => Self::ProcessLimit,
            SpawnError::Clone(source) => Self::Host { what: "make a process", source },
            // Its cgroup is being removed.
            SpawnError::Child(ChildStep::Cgroup, source) if source.raw_os_error() == Some(libc::ENODEV) => Self::Ended,
            SpawnError::Child(ChildStep::Cgroup, source) => {
                Self::Host { what: "join the sandbox's control groups", source }
            }
            SpawnError::Child(_, source) => Self::Host { what: "run what starts a command", source },
        }
    }
}

impl From<Refusal> for ExecError {
    fn from(refusal: Refusal) -> Self {
        let io = io::Error::from_raw_os_error;
        match refusal {
            // What was to be joined is no more.
            Refusal::Kernel { errno: libc::ESRCH, .. } | Refusal::Confine { errno: libc::ESRCH, .. } => Self::Ended,
            // Nor can a PID namespace without its init have children (`pid_namespaces(7)`).
            Refusal::Kernel { what, errno: libc::ENOMEM } if what == FORK => Self::Ended,
            Refusal::Kernel { what, errno: libc::EAGAIN } if what == FORK => Self::ProcessLimit,
            Refusal::Kernel { what, errno } if what == JOIN => Self::NotLetIn(io(errno)),
            Refusal::Mount { step, path, errno } => {
                Self::Confine { what: format!("{step} `{path}`"), source: io(errno) }
            }
            Refusal::Confine { what, errno } | Refusal::Kernel { what, errno } => {
                Self::Confine { what, source: io(errno) }
            }
            Refusal::CommandNotFound { command, searched } => Self::CommandNotFound { command, searched },
            Refusal::NotExecutable { path, errno } => Self::NotExecutable { path, source: io(errno) },
            Refusal::MissingInterpreter { path, interpreter } => Self::MissingInterpreter { path, interpreter },
            Refusal::WorkingDirectory { path, errno } => Self::WorkingDirectory { path, source: io(errno) },
            Refusal::Order { what } => Self::Invalid { what },
        }
    }
}
