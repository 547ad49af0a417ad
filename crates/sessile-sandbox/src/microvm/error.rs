//! Why there is no microVM driver on this host, and what the operator can do.

use std::io;
use std::path::{Path, PathBuf};

/// What a microVM is made of, and is not there.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// A processor that nothing here is written for.
    #[error("microVMs are there for x86-64 only")]
    Processor,
    /// A program of the host.
    #[error("`{program}` is not on this host; install it (Debian: `apt-get install {package}`)")]
    Program {
        /// Its name.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A kernel for guests.
    #[error("there is no guest kernel in `{}`; `sessile microvm setup` puts one there", directory.display())]
    Kernel {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A module of that kernel.
    #[error("the guest kernel has no module `{name}` in `{}`; use a Debian cloud kernel: `sessile microvm setup`", tree.display())]
    Module {
        /// Its name.
        name: String,
        /// The directory of its modules.
        tree: PathBuf,
    },
    /// Something cannot be read, written or run.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program that ran and failed.
    #[error("`{program}` failed: {said}")]
    Failed {
        /// Its name.
        program: String,
        /// What it said last.
        said: String,
    },
    /// Files that are more than a machine is given without an image.
    #[error("{what}; give the server an image of its own (docs/microvm.md)")]
    NeedsImage {
        /// What cannot be given.
        what: String,
    },
}

impl PartError {
    /// Wraps an error of reading `path`, for use with `map_err`.
    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        Self::io("read", path)
    }

    /// Wraps an error of doing `what` with `path`, for use with `map_err`.
    pub(super) fn io<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// Why microVMs cannot be had on this host.
#[derive(Debug, thiserror::Error)]
pub enum MicrovmError {
    /// Something is not there.
    #[error(transparent)]
    Part(#[from] PartError),
    /// No accelerator carried a trial machine through.
    #[error("no microVM starts on this host: {}", tried.join("; "))]
    Trial {
        /// What was tried, with what became of it.
        tried: Vec<String>,
    },
}
