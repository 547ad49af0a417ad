//! The order to start a server, as the runtime sends it to init.

use crate::{LeftOut, Protection};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The port inside at which programs find the way out, where there is one: the one that HTTP proxies have by custom.
pub const GATE_PORT: u16 = 3128;

/// The most descriptors that a server is [given](StartOrder::given).
pub const MAX_GIVEN: usize = 4;

/// Everything init needs to build the sandbox around itself and to start the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartOrder {
    /// What to run.
    pub program: Program,
    /// The host name inside.
    pub hostname: String,
    /// What the server sees, besides `/dev` and `/proc`; parents before what lies inside them.
    pub views: Vec<View>,
    /// Bytes over all private directories; `None` leaves it to the memory limit.
    pub disk: Option<u64>,
    /// Limits of each process.
    pub rlimits: Rlimits,
    /// Bring the loopback interface up: the sandbox has a network namespace of its own.
    pub loopback: bool,
    /// Listen on [`GATE_PORT`] of that loopback interface, and hand the socket over with [`Started`](crate::FromInit::Started).
    pub gate: bool,
    /// How long to live on after the link ended, in milliseconds.
    pub orphan_grace_ms: u64,
    /// What to keep for a runtime that comes after this one is gone; `None` to be nobody's then.
    pub bequest: Option<Bequest>,
    /// How many descriptors the server finds open beside its standard streams, as 3, 4, …: at most [`MAX_GIVEN`]. Init is born with them,
    /// as 7, 8, …
    pub given: usize,
    /// Whom to become.
    pub users: HostUsers,
    /// Protections to leave out.
    pub without: LeftOut,
}

impl StartOrder {
    /// Whether `protection` is to be there.
    #[must_use]
    pub fn keeps(&self, protection: Protection) -> bool {
        !self.without.has(protection)
    }
}

/// What init keeps for the runtime that comes next. Beside the link it arrives with two more descriptors: 4 is a Unix socket, bound and not
/// listening, where that runtime will ask for the sandbox; 5 is anything, to be handed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bequest {
    /// Text for the driver of that runtime, of no meaning to init.
    pub record: String,
    /// Whether there is one more, 7, to be handed to it.
    pub kept: bool,
}

/// What to run inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Program {
    /// A server.
    Server {
        /// The program and its arguments.
        command: Vec<String>,
        /// The complete environment.
        env: Vec<(String, String)>,
        /// Inside, absolute.
        cwd: String,
    },
    /// Nothing: take every step up to running a program, and exit with 0. Shows what the host can do.
    Trial,
}

/// The user ids to become, as init's own user namespace numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostUsers {
    /// Init runs as the host's root: the server and init each become an unprivileged user that nobody else is.
    Root {
        /// User and group of the server; 1000 inside.
        server: u32,
        /// User and group of init once the server runs.
        init: u32,
    },
    /// Init is root of a user namespace made for it by an ordinary user, and stays that user.
    Rootless,
}

/// One thing that the server sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// Part of the host, unchangeable.
    ReadOnly {
        /// On the host, free of symbolic links.
        source: String,
        /// Inside.
        target: String,
    },
    /// Part of the host, to be changed.
    Writable {
        /// On the host, free of symbolic links.
        source: String,
        /// Inside.
        target: String,
    },
    /// A private overlay on a directory of the host.
    CopyOnWrite {
        /// On the host, free of symbolic links.
        source: String,
        /// Inside.
        target: String,
    },
    /// A character device of the host, at the same place.
    Device {
        /// On the host and inside.
        source: String,
    },
    /// A fresh directory.
    Private {
        /// Inside.
        target: String,
    },
    /// A generated file.
    Text {
        /// Inside.
        target: String,
        /// What it holds.
        content: String,
    },
    /// A symbolic link.
    Symlink {
        /// Inside.
        target: String,
        /// What it says.
        to: String,
    },
}

/// Limits of each process (`setrlimit(2)`), hard and soft alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimits {
    /// Open files.
    pub open_files: u64,
    /// Bytes of private memory, where no cgroup holds the sandbox to its limit.
    pub data: Option<u64>,
    /// Processes and threads of the server's user, where no cgroup counts them.
    pub processes: Option<u64>,
}

/// Something that is less than was asked for. The start goes on; nobody is left to guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// No overlay could be made: the directory is there, read-only.
    OverlayRefused {
        /// Inside.
        target: String,
        /// What the kernel said.
        errno: i32,
    },
    /// The file system cannot show its files under another owner: the server meets them as a stranger.
    OwnerMappingRefused {
        /// On the host.
        source: String,
        /// What the kernel said.
        errno: i32,
    },
    /// System calls are not filtered.
    SystemCallsUnfiltered {
        /// What the kernel said.
        errno: i32,
    },
    /// Landlock does not hold the server.
    LandlockRefused {
        /// What the kernel said; 0 if it said yes and then held nothing back.
        errno: i32,
    },
    /// The server can read where in the host's control groups it lives.
    CgroupShown {
        /// What the kernel said.
        errno: i32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverlayRefused { target, errno } => {
                write!(f, "`{target}` is read-only: the kernel refused an overlay (errno {errno})")
            }
            Self::OwnerMappingRefused { source, errno } => write!(
                f,
                "`{source}` keeps its owner inside the sandbox, so that only what others may do is allowed: its file system refused \
                 an id-mapped mount (errno {errno})"
            ),
            Self::SystemCallsUnfiltered { errno } => {
                write!(f, "system calls are not filtered: the kernel refused the filter (errno {errno})")
            }
            Self::LandlockRefused { errno: 0 } => {
                f.write_str("Landlock holds nothing back: the kernel took the rules and let a forbidden access pass")
            }
            Self::LandlockRefused { errno } => {
                write!(f, "Landlock is not in force: the kernel refused it (errno {errno})")
            }
            Self::CgroupShown { errno } => {
                write!(f, "the path of the sandbox's cgroup can be read inside: no cgroup namespace (errno {errno})")
            }
        }
    }
}
