//! Packages from npm and PyPI, installed once, so that sessions start from files and not from a resolver.
//!
//! `npx -y PKG`, `uvx PKG`, `pipx run PKG` and `package = "npm:…"` all say: get this package from a registry, then run a
//! program of it. Done at each session's start, that takes seconds, needs the network, and runs whatever the registry
//! holds that day. [`recognise`] and [`parse`] turn such words into a [`PackageRequest`]; [`Store::ensure`] installs it
//! in a sandbox of its own, the first time, and from then on gives the same files and the same [`Installed`] command,
//! read-only and offline.
//!
//! What it is not: a package manager. It resolves nothing itself, but has the host's `npm`, or `python3` with `venv` and
//! `pip`, do so. Nor does it start servers.
//!
//! **Versions.** What is installed stays, also where no version was named: `npx -y PKG` means the version of the day it
//! was first run. [`Store::remove`] forgets an installation, so that the next start resolves anew.
//!
//! **Lifecycle scripts.** npm's `install` scripts run in a second sandbox, which has the network (they fetch binaries)
//! but not the registry's credentials; none ever runs at a session's start. Builds of Python source distributions
//! run beside pip, and could read what pip is configured with.
//!
//! **Crashes.** An installation becomes visible by one rename, after it was synced. What a crash leaves lies in
//! `.staging` and goes with the next installation or [`Store::sweep`].
//!
//! Where to start reading: [`Store::ensure`] in `store.rs`, then `npm.rs` or `pypi.rs`.

mod error;
mod installed;
mod lock;
mod npm;
mod progress;
mod pypi;
mod recognise;
mod request;
mod settings;
mod step;
mod store;
mod tail;

pub use error::{InstallError, RequestError};
pub use installed::{Installed, Lease};
pub use lock::LockedPackage;
pub use progress::{Event, Progress};
pub use recognise::{parse, recognise};
pub use request::{PackageRequest, Program, Registry};
pub use store::{Store, Stored};
pub use tail::Tail;
