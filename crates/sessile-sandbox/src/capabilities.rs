//! What a driver can enforce on this host, one row per feature.

use serde::Serialize;
use std::fmt;

/// What a driver can enforce on this host. Every row was found out by trying it, not by looking at versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The driver's name: `process`, `microvm` or `none`.
    pub driver: &'static str,
    /// One row per feature, in the order of [`Feature`].
    pub rows: Vec<Capability>,
}

impl Capabilities {
    /// How well `feature` is enforced; `None` if the driver says nothing about it.
    #[must_use]
    pub fn of(&self, feature: Feature) -> Option<&Strength> {
        self.rows.iter().find(|row| row.feature == feature).map(|row| &row.strength)
    }

    /// The rows that are not fully enforced: what start-up must say.
    pub fn shortfalls(&self) -> impl Iterator<Item = &Capability> {
        self.rows.iter().filter(|row| !matches!(row.strength, Strength::Enforced { .. }))
    }

    /// Of these, what holds a server back less than it should: what `strict = true` refuses.
    pub fn gaps(&self) -> impl Iterator<Item = &Capability> {
        self.shortfalls().filter(|row| row.feature.holds_back())
    }
}

/// One feature and how well it is enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// What is to be enforced.
    pub feature: Feature,
    /// Whether it is.
    #[serde(flatten)]
    pub strength: Strength,
}

/// What a sandbox is to hold a server to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Has a kernel of its own.
    Machine,
    /// Sees only its own processes.
    Processes,
    /// Sees only the files it was given.
    Files,
    /// Has a user id of its own on the host.
    HostUser,
    /// Has no capability and can gain none.
    Privileges,
    /// Reaches only the parts of the kernel that servers need.
    SystemCalls,
    /// Is fenced in by Landlock beside its mounts and namespaces.
    Landlock,
    /// Leaves no dump of its memory, and starts no program for dumps.
    CoreDumps,
    /// Reaches loopback and nothing else.
    Network,
    /// Has host name, System V objects and cgroup paths of its own.
    Names,
    /// Can change a private copy of a host directory.
    CopyOnWrite,
    /// May write to a host directory as its owner, where it was given one.
    OwnerMapping,
    /// Is killed as a whole, however its processes hide.
    KillTree,
    /// Leaves nothing when the runtime is killed.
    Orphans,
    /// Memory limit.
    Memory,
    /// Memory cannot be moved to swap to get round the limit.
    Swap,
    /// Reaching the memory limit is told apart from other ends.
    OutOfMemory,
    /// Limit on processes and threads.
    Pids,
    /// Processor limit.
    Cpu,
    /// Limit on bytes in private directories.
    Disk,
    /// Processor time and memory of the whole tree are counted.
    Accounting,
}

impl Feature {
    /// Whether a server can do more where this is not enforced. Of the others, the fallbacks allow a server less, or tell the operator
    /// less.
    #[must_use]
    pub fn holds_back(self) -> bool {
        !matches!(self, Self::CopyOnWrite | Self::OwnerMapping | Self::OutOfMemory | Self::Accounting)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "own kernel",
            Self::Processes => "own processes only",
            Self::Files => "own files only",
            Self::HostUser => "own user on the host",
            Self::Privileges => "no privileges",
            Self::SystemCalls => "system call filter",
            Self::Landlock => "Landlock",
            Self::CoreDumps => "no core dumps",
            Self::Network => "loopback only",
            Self::Names => "own names",
            Self::CopyOnWrite => "copy-on-write directories",
            Self::OwnerMapping => "writable host directories",
            Self::KillTree => "kill of the whole tree",
            Self::Orphans => "nothing left after a crash",
            Self::Memory => "memory limit",
            Self::Swap => "swap off",
            Self::OutOfMemory => "out of memory detected",
            Self::Pids => "process limit",
            Self::Cpu => "processor limit",
            Self::Disk => "disk limit",
            Self::Accounting => "usage of the whole tree",
        })
    }
}

/// How well a feature is enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "strength", rename_all = "snake_case")]
pub enum Strength {
    /// Fully.
    Enforced {
        /// By what.
        how: String,
    },
    /// Less well than it should be.
    Fallback {
        /// By what.
        how: String,
        /// Why not better, and what the operator can do.
        why: String,
    },
    /// Not at all.
    Missing {
        /// Why not.
        why: String,
        /// What the operator can do.
        fix: String,
    },
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced { how } => write!(f, "enforced: {how}"),
            Self::Fallback { how, why } => write!(f, "fallback: {how}; {why}"),
            Self::Missing { why, fix } => write!(f, "missing: {why}; {fix}"),
        }
    }
}
