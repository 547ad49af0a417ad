//! A further command in a sandbox that runs already: the order, as the runtime sends it to `sessile-exec`, and what comes back.
//!
//! `sessile-exec` is init's program under another name, started by the runtime for one command. It joins the sandbox from outside,
//! because init, by then, has given up the power to start anything as another user.

use crate::{HostUsers, LeftOut, Protection, Refusal, Rlimits, ServerEnd, StartOrder, View};
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

/// What `sessile-exec` says to the runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromExec {
    /// The command runs. The message carries the runtime's ends of stdin, stdout and stderr; or of the terminal, one descriptor.
    Started,
    /// It was not started.
    Refused(Refusal),
    /// It ended.
    Ended(ServerEnd),
}
