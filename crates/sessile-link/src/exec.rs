//! A further command in a sandbox that runs already: the order, as the runtime sends it to `sessile-exec`, and what comes back.
//!
//! `sessile-exec` is init's program under another name, started by the runtime for one command. It joins the sandbox from outside,
//! because init, by then, has given up the power to start anything as another user. Into a machine nothing can be joined from outside:
//! there a process that kept its powers runs the command, asked over a connection into the machine ([`ToDoor`]).

use crate::{HostUsers, LeftOut, Note, Program, Protection, Refusal, Rlimits, ServerEnd, StartOrder, View};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What joining the sandbox's namespaces is called in a [`Refusal::Kernel`], so that the runtime can say what to do about it.
pub const JOIN: &str = "join the sandbox";

/// What making the command's process is called there.
pub const FORK: &str = "make a process";

/// How a program inside is confined: what the server and every further command have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confinement {
    /// Limits of each process.
    pub rlimits: Rlimits,
    /// Whom to become.
    pub users: HostUsers,
    /// Paths inside that are meant to be written.
    pub writable: Vec<String>,
    /// Protections to leave out.
    pub without: LeftOut,
}

impl Confinement {
    /// That of the server that `order` starts.
    #[must_use]
    pub fn of(order: &StartOrder) -> Self {
        let writable = order.views.iter().filter_map(|view| match view {
            View::Writable { target, .. } | View::CopyOnWrite { target, .. } | View::Private { target } => {
                Some(target.clone())
            }
            View::ReadOnly { .. } | View::Device { .. } | View::Text { .. } | View::Symlink { .. } => None,
        });
        Self {
            rlimits: order.rlimits,
            users: order.users,
            writable: writable.collect(),
            without: order.without.clone(),
        }
    }

    /// Whether `protection` is to be there.
    #[must_use]
    pub fn keeps(&self, protection: Protection) -> bool {
        !self.without.has(protection)
    }
}

/// The order to run a command beside a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecOrder {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The complete environment.
    pub env: Vec<(String, String)>,
    /// Inside, absolute.
    pub cwd: String,
    /// The size of its terminal; `None` for three pipes.
    pub terminal: Option<WindowSize>,
    /// The namespaces to join (`CLONE_NEW…`): those of the process whose descriptor comes with the order.
    pub namespaces: u32,
    /// The server's process id inside, whose user namespace is joined as well.
    pub server: i32,
    /// The server's confinement.
    pub confinement: Confinement,
    /// The version of Landlock that holds the server: the command is held by it too, or does not run.
    pub landlock: u32,
    /// Whether the server's system calls are filtered: then the command's are, or it does not run.
    pub filtered: bool,
}

/// What is asked for, whatever the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables beside those of the server, or instead of them.
    pub env: Vec<(String, String)>,
    /// Inside, absolute; without it, the server's.
    pub cwd: Option<String>,
    /// The size of its terminal; `None` for three pipes.
    pub terminal: Option<WindowSize>,
}

/// What is known of a server that runs: all of an [`ExecOrder`] but the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inside {
    /// Those that a process joins.
    namespaces: u32,
    /// The server's process id inside.
    server: i32,
    /// What holds the server.
    landlock: u32,
    filtered: bool,
    confinement: Confinement,
    /// The server's environment and working directory.
    env: Vec<(String, String)>,
    cwd: String,
}

/// `CLONE_NEWCGROUP`.
const CGROUP_NAMESPACE: u32 = 0x0200_0000;

impl Inside {
    /// As far as it is known before the start. `namespaces` are those that the sandbox has beside that of its cgroups.
    #[must_use]
    pub fn of(order: &StartOrder, namespaces: u32) -> Self {
        let (env, cwd) = match &order.program {
            Program::Server { env, cwd, .. } => (env.clone(), cwd.clone()),
            Program::Trial => (Vec::new(), String::new()),
        };
        let cgroup = if order.keeps(Protection::OwnCgroup) { CGROUP_NAMESPACE } else { 0 };
        Self {
            namespaces: namespaces | cgroup,
            server: 0,
            landlock: 0,
            filtered: order.keeps(Protection::SystemCalls),
            confinement: Confinement::of(order),
            env,
            cwd,
        }
    }

    /// What is known once the server runs.
    pub fn found(&mut self, server: i32, landlock: u32, notes: &[Note]) {
        (self.server, self.landlock) = (server, landlock);
        for note in notes {
            match note {
                Note::SystemCallsUnfiltered { .. } => self.filtered = false,
                Note::CgroupShown { .. } => self.namespaces &= !CGROUP_NAMESPACE,
                Note::OverlayRefused { .. } | Note::OwnerMappingRefused { .. } | Note::LandlockRefused { .. } => {}
            }
        }
    }

    /// The order for a command.
    #[must_use]
    pub fn order(&self, request: ExecRequest) -> ExecOrder {
        let ExecRequest { command, env: own, cwd, terminal } = request;
        let mut env = self.env.clone();
        for (name, value) in own {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        ExecOrder {
            command,
            env,
            cwd: cwd.unwrap_or_else(|| self.cwd.clone()),
            terminal,
            namespaces: self.namespaces,
            server: self.server,
            confinement: self.confinement.clone(),
            landlock: self.landlock,
            filtered: self.filtered,
        }
    }
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What the runtime says to `sessile-exec`. When the link ends, the command and its whole terminal session are killed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToExec {
    /// Run this. Once, and first, with one descriptor: a `pidfd` of the sandbox's init.
    Run(Box<ExecOrder>),
}

/// What the runtime says over a connection to a machine's door ([`Opening::Exec`](crate::streams::Opening::Exec)), on
/// [`CONTROL`](crate::frame::CONTROL). The command's standard streams travel beside it, as the server's do over the machine's link:
/// pieces, credit and ends ([`streams`](crate::streams)); a terminal has the first two only. When the connection ends, the command and
/// its whole terminal session are killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToDoor {
    /// Run this. Once, and first.
    Run(Box<ExecRequest>),
    /// Give its terminal another size.
    Resize(WindowSize),
}

/// What `sessile-exec`, or a machine's door, says to the runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromExec {
    /// The command runs. Of `sessile-exec`, the message carries the runtime's ends of stdin, stdout and stderr; or of the terminal, one
    /// descriptor.
    Started,
    /// It was not started.
    Refused(Refusal),
    /// It ended.
    Ended(ServerEnd),
}
