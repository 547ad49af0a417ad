//! Finding out what this host can enforce, by making a sandbox and seeing what happens.

use crate::cgroup::{Controller, Group};
use crate::process::Node;
use crate::process::init_image::InitImage;
use crate::process::launch::{Deadline, Parcels, launch};
use crate::process::users::Users;
use crate::{Capabilities, Capability, Feature, Limits, StartError, Strength};
use sessile_link::{HostUsers, LeftOut, Note, Program, Rlimits, StartOrder, View};
use std::sync::Arc;
use std::time::Duration;

/// How long the trial may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory of every host that belongs to root.
const SOMETHING: &str = "/usr";

/// What the trial sandbox is limited to: enough for it, and proof that the limits can be set.
pub(crate) const LIMITS: Limits =
    Limits { memory: Some(64 << 20), cpu: Some(0.5), pids: Some(16), disk: Some(1 << 20), open_files: 64 };

/// How to get cgroups that are not there.
const DELEGATE: &str =
    "run as root, or with a delegated cgroup: `systemd-run --user --scope -p Delegate=yes sessile …`";

/// Makes a sandbox and writes down what could be enforced.
pub(crate) fn run(image: &Arc<InitImage>, node: &Arc<Node>, users: &Users) -> Result<Capabilities, StartError> {
    let group = Group::new(&node.places.places, "trial", &LIMITS)?;
    let limits_swap = group.limits_swap();
    let view = |target: &str| View::CopyOnWrite { source: SOMETHING.into(), target: target.into() };
    let order = StartOrder {
        program: Program::Trial,
        hostname: "trial".into(),
        views: vec![view(SOMETHING), View::Private { target: "/tmp".into() }],
        disk: LIMITS.disk,
        rlimits: Rlimits { open_files: LIMITS.open_files, data: None, processes: LIMITS.pids.map(u64::from) },
        loopback: true,
        gate: false,
        orphan_grace_ms: 0,
        bequest: None,
        given: 0,
        users: users.next(),
        without: LeftOut::default(),
    };
    let rootless = order.users == HostUsers::Rootless;
    let mut launched = launch(image, order, Parcels::default(), group, Arc::clone(node), Deadline::in_(PATIENCE))?;
    launched.process.wait(PATIENCE);
    let landlock = launched.landlock;
    let findings = Findings { node, notes: &launched.notes, landlock, rootless, limits_swap };
    Ok(Capabilities { driver: "process", rows: findings.rows() })
}

/// What the trial showed.
struct Findings<'a> {
    node: &'a Node,
    notes: &'a [Note],
    landlock: u32,
    rootless: bool,
    limits_swap: bool,
}

fn enforced(how: impl Into<String>) -> Strength {
    Strength::Enforced { how: how.into() }
}

fn fallback(how: impl Into<String>, why: impl Into<String>) -> Strength {
    Strength::Fallback { how: how.into(), why: why.into() }
}

impl Findings<'_> {
    fn rows(&self) -> Vec<Capability> {
        let rows = [
            (Feature::Processes, enforced("PID namespace, /proc with hidepid")),
            (Feature::Files, enforced("mount namespace with a root of its own")),
            (Feature::HostUser, self.host_user()),
            (Feature::Privileges, enforced("user namespace, no capabilities, no_new_privs")),
            (Feature::SystemCalls, self.system_calls()),
            (Feature::Landlock, self.landlock()),
            (Feature::CoreDumps, self.core_dumps()),
            (Feature::Network, enforced("network namespace")),
            (Feature::Names, self.names()),
            (Feature::CopyOnWrite, self.copy_on_write()),
            (Feature::OwnerMapping, self.owner_mapping()),
            (Feature::KillTree, enforced("PID namespace")),
            (Feature::Orphans, self.orphans()),
            (Feature::Memory, self.limit(Controller::Memory, "RLIMIT_DATA of each process")),
            (Feature::Swap, self.swap()),
            (Feature::OutOfMemory, self.counted(Controller::Memory)),
            (Feature::Pids, self.limit(Controller::Pids, "RLIMIT_NPROC in the sandbox's user namespace")),
            (Feature::Cpu, self.counted(Controller::Cpu)),
            (Feature::Disk, enforced("size of a tmpfs")),
            (Feature::Accounting, self.limit(Controller::CpuAccounting, "sums over /proc")),
        ];
        rows.into_iter().map(|(feature, strength)| Capability { feature, strength }).collect()
    }

    fn host_user(&self) -> Strength {
        if self.rootless {
            let user = rustix::process::geteuid().as_raw();
            fallback(
                format!("servers run as this user (uid {user}) in namespaces of their own"),
                "only root can give each sandbox another user of the host",
            )
        } else {
            enforced("each sandbox is another unprivileged user")
        }
    }

    /// What init noted about one thing, if it did.
    fn noted(&self, about: impl Fn(&&Note) -> bool) -> Option<String> {
        self.notes.iter().find(about).map(ToString::to_string)
    }

    fn system_calls(&self) -> Strength {
        match self.noted(|note| matches!(note, Note::SystemCallsUnfiltered { .. })) {
            None => enforced("seccomp filter, for init as well"),
            Some(why) => Strength::Missing { why, fix: "use a kernel with CONFIG_SECCOMP_FILTER".into() },
        }
    }

    fn core_dumps(&self) -> Strength {
        match self.system_calls() {
            Strength::Enforced { .. } => enforced("RLIMIT_CORE, which the server cannot change"),
            _ => fallback(
                "RLIMIT_CORE",
                "without the system call filter a server can have a program of the host started on its dump",
            ),
        }
    }

    fn landlock(&self) -> Strength {
        match (self.noted(|note| matches!(note, Note::LandlockRefused { .. })), self.landlock) {
            (None, version @ 6..) => enforced(format!("version {version}: files, signals, abstract sockets")),
            (None, version) => enforced(format!("version {version}: files")),
            (Some(why), _) => {
                Strength::Missing { why, fix: "use Linux 5.19 or newer with `landlock` in its `lsm=` list".into() }
            }
        }
    }

    fn names(&self) -> Strength {
        let how = "UTS, IPC and cgroup namespaces";
        match self.noted(|note| matches!(note, Note::CgroupShown { .. })) {
            None => enforced(how),
            Some(why) => fallback("UTS and IPC namespaces", why),
        }
    }

    fn copy_on_write(&self) -> Strength {
        let refused = self.notes.iter().find(|note| matches!(note, Note::OverlayRefused { .. }));
        match refused {
            None => enforced("overlay in private memory"),
            Some(note) => fallback("such directories are read-only", note.to_string()),
        }
    }

    fn owner_mapping(&self) -> Strength {
        let refused = self.notes.iter().find(|note| matches!(note, Note::OwnerMappingRefused { .. }));
        match refused {
            None if self.rootless => enforced("servers are this user"),
            None => enforced("id-mapped mounts"),
            Some(note) => fallback("permissions of others apply", note.to_string()),
        }
    }

    fn orphans(&self) -> Strength {
        if self.node.is_kept() {
            enforced("init ends by itself, a keeper removes its cgroups")
        } else {
            enforced("init ends by itself")
        }
    }

    /// Why a controller cannot be used.
    fn why_not(&self) -> String {
        match self.node.places.refused.first() {
            Some(error) => format!("cgroup `{}` cannot be used: {}", error.path.display(), error.source),
            None => "no cgroup hierarchy has the controller".into(),
        }
    }

    fn counted(&self, controller: Controller) -> Strength {
        if self.node.places.have(controller) {
            enforced(format!("cgroup controller `{}`", controller.name()))
        } else {
            Strength::Missing { why: self.why_not(), fix: DELEGATE.into() }
        }
    }

    fn limit(&self, controller: Controller, instead: &str) -> Strength {
        match self.counted(controller) {
            Strength::Missing { why, fix } => fallback(instead, format!("{why}; {fix}")),
            enforced => enforced,
        }
    }

    fn swap(&self) -> Strength {
        let devices = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
        if self.limits_swap {
            enforced("cgroup controller `memory`")
        } else if devices.lines().count() <= 1 {
            enforced("the host has no swap")
        } else {
            let fix = "boot with `swapaccount=1`, or run `swapoff -a`".into();
            Strength::Missing { why: self.why_not(), fix }
        }
    }
}
