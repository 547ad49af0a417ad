//! What an installation tells while it runs.

use std::fmt;
use std::time::Duration;

/// Something to show to whoever waits. Displays as one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process installs the same package; this one waits for it.
    Waiting {
        /// The package.
        package: &'a str,
    },
    /// A step begins.
    Step {
        /// The package.
        package: &'a str,
        /// What is being done.
        step: &'static str,
    },
    /// A line that npm or pip wrote.
    Output {
        /// The line, up to 2 KiB.
        line: &'a str,
    },
    /// It is installed.
    Finished {
        /// The package.
        package: &'a str,
        /// Its version.
        version: &'a str,
        /// How many packages came with it, itself included.
        packages: usize,
        /// How long it took.
        took: Duration,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { package } => write!(f, "waiting for another installation of {package}"),
            Self::Step { package, step } => write!(f, "{package}: {step}"),
            Self::Output { line } => write!(f, "  {line}"),
            Self::Finished { package, version, packages, took } => {
                write!(f, "{package}: installed {version} ({packages} packages) in {:.1} s", took.as_secs_f64())
            }
        }
    }
}

/// Is told how an installation goes. Called from the task that waits for it: it must not block.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn report(&self, event: &Event<'_>);
}

/// Tells nobody.
impl Progress for () {
    fn report(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Progress for F {
    fn report(&self, event: &Event<'_>) {
        self(event);
    }
}
