//! From what the kernel or init said to a [`StartError`] that tells the operator what to do.

use crate::StartError;
use crate::cgroup::CgroupError;
use crate::process::spawn::{ChildStep, SpawnError};
use sessile_link::Refusal;
use std::io;
use std::path::PathBuf;

/// What to do where nothing better can be said.
const LAST_RESORT: &str =
    "run it where the kernel allows this, or without protection by `--isolation none --allow-unsandboxed`";

impl From<CgroupError> for StartError {
    fn from(error: CgroupError) -> Self {
        Self::Cgroup { path: error.path, source: error.source }
    }
}

impl From<SpawnError> for StartError {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Clone(source) => {
                let hint = namespace_hint(&source);
                Self::Namespace { what: "new namespaces", source, hint }
            }
            SpawnError::Child(ChildStep::UserMapping, source) => {
                let hint = namespace_hint(&source);
                Self::Namespace { what: "a user mapping", source, hint }
            }
            SpawnError::Child(ChildStep::Cgroup, source) => {
                Self::Cgroup { path: PathBuf::from("cgroup.procs"), source }
            }
            SpawnError::Child(ChildStep::Descriptors, source) => Self::Host { what: "hand over descriptors", source },
            SpawnError::Child(ChildStep::Run, source) => {
                Self::Host { what: "run init from memory (`sysctl vm.memfd_noexec` must be 0 or 1)", source }
            }
        }
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        let io = io::Error::from_raw_os_error;
        match refusal {
            Refusal::Mount { step, path, errno } => {
                let hint = mount_hint(&step, errno);
                Self::Mount { step, path, source: io(errno), hint }
            }
            Refusal::Confine { what, errno } => Self::Confine { what, source: io(errno) },
            Refusal::Kernel { what, errno } => Self::Confine { what, source: io(errno) },
            Refusal::CommandNotFound { command, searched } => Self::CommandNotFound { command, searched },
            Refusal::NotExecutable { path, errno } => Self::NotExecutable { path, source: io(errno) },
            Refusal::MissingInterpreter { path, interpreter } => Self::MissingInterpreter { path, interpreter },
            Refusal::WorkingDirectory { path, errno } => Self::WorkingDirectory { path, source: io(errno) },
            Refusal::Order { what } => Self::InvalidSpec { what },
        }
    }
}

/// What stands in the way of namespaces, as far as the host says.
fn namespace_hint(error: &io::Error) -> String {
    let setting = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let is = |path: &str, value: &str| setting(path).is_some_and(|found| found == value);
    let hint = if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "set `sysctl kernel.unprivileged_userns_clone=1`, or run as root"
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "set `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, give sessile an AppArmor profile with `userns,`, or run as root"
    } else if is("/proc/sys/user/max_user_namespaces", "0") || error.raw_os_error() == Some(libc::ENOSPC) {
        "raise `sysctl user.max_user_namespaces`"
    } else if error.raw_os_error() == Some(libc::EPERM) {
        "this host or the container around it forbids namespaces (for Docker: `--security-opt seccomp=unconfined --cap-add SYS_ADMIN`)"
    } else {
        LAST_RESORT
    };
    hint.to_owned()
}

fn mount_hint(step: &str, errno: i32) -> String {
    if step == "map the owner of" {
        return "its file system cannot show files under another owner: move it to one that can (ext4, XFS, btrfs, tmpfs; not the \
                overlay that a container's own files lie on), or let others than its owner enter it"
            .to_owned();
    }
    match errno {
        libc::ENOENT => "check that it exists",
        libc::ELOOP => "name the place itself, not a symbolic link to it",
        libc::EROFS => "it lies in a directory of the host that is shown as it is: make the place there first",
        libc::ENOSYS => "Linux 5.12 or newer is needed",
        libc::EACCES => "check that this user may read it",
        libc::EPERM => {
            "the container around this host may forbid it (for Docker: `--security-opt systempaths=unconfined`)"
        }
        _ => LAST_RESORT,
    }
    .to_owned()
}
