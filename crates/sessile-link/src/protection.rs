//! The protections of a sandbox by name, so that a test can leave one out and see its attack succeed.

use serde::{Deserialize, Serialize};

/// One protection of a sandbox, as the table in `docs/isolation.md` names it.
///
/// Naming one switches nothing: only a build with the feature `weaken`, which no build of the program has, can leave one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protection {
    /// The root is a fresh one, and the host's is let go.
    FreshRoot,
    /// The root cannot be written.
    ReadOnlyRoot,
    /// What is shown read-only cannot be written.
    ReadOnlyViews,
    /// Neither set-user-id programs nor devices count on what is shown.
    TameMounts,
    /// `/proc` cannot be written.
    ReadOnlyProc,
    /// Entries of `/proc` that tell about the host are empty.
    MaskedProc,
    /// Processes of another user are not in `/proc`.
    HiddenProcesses,
    /// A PID namespace.
    OwnProcesses,
    /// A network namespace.
    OwnNetwork,
    /// An IPC namespace.
    OwnIpc,
    /// A UTS namespace, with a host name of its own.
    OwnHostname,
    /// A cgroup namespace.
    OwnCgroup,
    /// A user namespace of the server's own.
    OwnUserNamespace,
    /// Another user of the host than the runtime's.
    OwnUser,
    /// Empty sets of capabilities.
    NoCapabilities,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// The filter of system calls.
    SystemCalls,
    /// Landlock.
    Landlock,
    /// A session keyring of the server's own.
    OwnKeyring,
    /// Dumps of memory are written by nobody.
    NoCoreDumps,
    /// Descriptors that were inherited by accident are closed.
    ClosedDescriptors,
    /// The environment is the server's and nothing of the runtime's.
    OwnEnvironment,
    /// The mask of permissions is a fixed one.
    FixedUmask,
}

/// Protections that a sandbox is left without: none, but in the builds that exist to leave one out and show what each is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut(#[cfg(feature = "weaken")] pub alloc::vec::Vec<Protection>);

impl LeftOut {
    /// Whether `protection` is one of them.
    #[must_use]
    #[cfg(not(feature = "weaken"))]
    pub fn has(&self, _protection: Protection) -> bool {
        false
    }

    /// Whether `protection` is one of them.
    #[must_use]
    #[cfg(feature = "weaken")]
    pub fn has(&self, protection: Protection) -> bool {
        self.0.contains(&protection)
    }
}

impl Protection {
    /// Every one.
    pub const ALL: [Self; 23] = [
        Self::FreshRoot,
        Self::ReadOnlyRoot,
        Self::ReadOnlyViews,
        Self::TameMounts,
        Self::ReadOnlyProc,
        Self::MaskedProc,
        Self::HiddenProcesses,
        Self::OwnProcesses,
        Self::OwnNetwork,
        Self::OwnIpc,
        Self::OwnHostname,
        Self::OwnCgroup,
        Self::OwnUserNamespace,
        Self::OwnUser,
        Self::NoCapabilities,
        Self::NoNewPrivileges,
        Self::SystemCalls,
        Self::Landlock,
        Self::OwnKeyring,
        Self::NoCoreDumps,
        Self::ClosedDescriptors,
        Self::OwnEnvironment,
        Self::FixedUmask,
    ];
}
