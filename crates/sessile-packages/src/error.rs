//! What can go wrong between a package's name and its program.

use std::path::PathBuf;
use std::time::Duration;

use sessile_sandbox::view::ViewError;
use sessile_sandbox::{Exit, StartError};

use crate::tail::Tail;

/// A command line or manifest entry that cannot become a request. Nothing was installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A flag of `npx`, `uvx` or `pipx run` that has no meaning for an installation that stays.
    #[error("{tool} {flag} is not supported here: {hint}")]
    Flag {
        /// The tool.
        tool: &'static str,
        /// The flag.
        flag: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A flag without its value.
    #[error("{tool} {flag} needs a value")]
    NoValue {
        /// The tool.
        tool: &'static str,
        /// The flag.
        flag: String,
    },
    /// No package was named.
    #[error("{tool} names no package; write it after the flags, as in `{tool} NAME`")]
    NoPackage {
        /// The tool.
        tool: &'static str,
    },
    /// A directory or file instead of a package of a registry: it may change, so it is not installed once.
    #[error(
        "{package} is a file or directory; start its program directly instead, as in `node {package}/index.js` or `python3 server.py`"
    )]
    Local {
        /// As it was written.
        package: String,
    },
    /// A word that is no package's name.
    #[error("{package} is not a package of {registry}: {reason}")]
    Malformed {
        /// As it was written.
        package: String,
        /// `npm` or `pypi`.
        registry: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A manifest's `package` without a known registry in front.
    #[error(
        "package = \"{package}\" names no registry; write \"npm:NAME\", \"npm:NAME@VERSION\", \"pypi:NAME\" or \"pypi:NAME==VERSION\""
    )]
    NoRegistry {
        /// As it was written.
        package: String,
    },
}

/// Why a package could not be installed. What was there before is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The host has nothing to install with.
    #[error("{package} needs {tool} on this host: {source}; install {advice}")]
    NoTool {
        /// The package.
        package: String,
        /// `npm` or the Python that was asked for.
        tool: String,
        /// What to install.
        advice: &'static str,
        /// What happened when it was looked for.
        source: Box<ViewError>,
    },
    /// The registry does not have the package, or not in this version, or not for this Python.
    #[error("{package} was not found in the registry:\n{tail}")]
    NotFound {
        /// The package.
        package: String,
        /// The end of what the tool said.
        tail: Tail,
    },
    /// The registry could not be reached.
    #[error(
        "{package} could not be fetched, as the registry cannot be reached (a proxy is taken from HTTPS_PROXY):\n{tail}"
    )]
    NoNetwork {
        /// The package.
        package: String,
        /// The end of what the tool said.
        tail: Tail,
    },
    /// The registry wants other credentials.
    #[error("{package} is refused by the registry; check the credentials in .npmrc or pip.conf:\n{tail}")]
    Unauthorised {
        /// The package.
        package: String,
        /// The end of what the tool said.
        tail: Tail,
    },
    /// A step failed for another reason.
    #[error("{package} could not be installed: {step} ended with {exit}:\n{tail}")]
    Failed {
        /// The package.
        package: String,
        /// What was being done.
        step: &'static str,
        /// How it ended.
        exit: Exit,
        /// The end of what it said.
        tail: Tail,
    },
    /// It took too long.
    #[error("{package} was not installed within {} s, during {step}:\n{tail}", .after.as_secs())]
    Timeout {
        /// The package.
        package: String,
        /// What was being done.
        step: &'static str,
        /// The limit.
        after: Duration,
        /// The end of what it said.
        tail: Tail,
    },
    /// The installation's sandbox could not be started.
    #[error("{package} could not be installed: the sandbox for {step} did not start: {source}")]
    Sandbox {
        /// The package.
        package: String,
        /// What was to be done.
        step: &'static str,
        /// Why not.
        source: StartError,
    },
    /// It is installed, and has no such program.
    #[error("{package} has no program {wanted}; it has {available}")]
    NoProgram {
        /// The package.
        package: String,
        /// The program asked for.
        wanted: String,
        /// Those it has.
        available: String,
    },
    /// The tool finished and left something that cannot be understood.
    #[error("{package} was installed in a way that is not understood: {reason}")]
    Unexpected {
        /// The package.
        package: String,
        /// What is missing or strange.
        reason: String,
    },
    /// The store's own files could not be read or written.
    #[error("the package store cannot {action} {}: {source}", .path.display())]
    Store {
        /// What was to be done.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An installation cannot be removed while a server is hosted from it.
    #[error("{key} is in use; stop the servers that are hosted from it first")]
    InUse {
        /// The installation.
        key: String,
    },
}

impl InstallError {
    /// For `map_err` on the store's files.
    pub(crate) fn store(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Store { action, path: path.to_path_buf(), source }
    }

    /// Whether the same request may succeed later without anything being changed here.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoNetwork { .. } | Self::Timeout { .. })
    }
}
