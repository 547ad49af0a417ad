//! Starting the server: as an unprivileged user in a user namespace of its own, with nothing but three pipes and what it is given.

use crate::confine::{Beside, Plan, Said, spawn};
use crate::landlock::Fence;
use crate::program::Command;
use crate::userns;
use alloc::format;
use alloc::vec::Vec;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use sessile_link::{Confinement, HostUsers, Note, Program, Protection, Refusal, StartOrder};

/// A running server.
pub(crate) struct Server {
    pub(crate) pid: i32,
    /// Init's copies of the runtime's ends, which keep the pipes open while the runtime is away.
    pub(crate) stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
    /// The version of Landlock that holds it; 0 if none does.
    pub(crate) landlock: u32,
}

impl Server {
    /// What the runtime is to get: its ends of stdin, stdout, stderr.
    pub(crate) fn host_ends(&self) -> Vec<BorrowedFd<'_>> {
        let stdin = self.stdin.as_ref().map(AsFd::as_fd);
        stdin.into_iter().chain(self.outputs()).collect()
    }

    /// The runtime's ends of stdout and stderr.
    pub(crate) fn outputs(&self) -> [BorrowedFd<'_>; 2] {
        [self.stdout.as_fd(), self.stderr.as_fd()]
    }

    /// The same, for good: where init itself carries them.
    pub(crate) fn into_host_ends(self) -> [Option<OwnedFd>; 3] {
        [self.stdin, Some(self.stdout), Some(self.stderr)]
    }
}

/// Three pipes: first the ends for inside, then the runtime's, which do not block. Of stdin, stdout and stderr.
pub(crate) fn pipes() -> Result<([OwnedFd; 3], [OwnedFd; 3]), Errno> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC);
    let ((stdin_inside, stdin), (stdout, stdout_inside), (stderr, stderr_inside)) = (pipe()?, pipe()?, pipe()?);
    let outside = [stdin, stdout, stderr];
    outside.iter().try_for_each(|end| rustix::fs::fcntl_setfl(end, OFlags::NONBLOCK))?;
    Ok(([stdin_inside, stdout_inside, stderr_inside], outside))
}

/// Starts what the order names, which alone has what is `given` to it then, and notes what does not hold it. Returns once the program
/// runs.
pub(crate) fn start(
    order: &StartOrder,
    given: Vec<OwnedFd>,
    proc: &OwnedFd,
    notes: &mut Vec<Note>,
) -> Result<Server, Refusal> {
    let kernel =
        |what: &'static str| move |errno: Errno| Refusal::Kernel { what: what.into(), errno: errno.raw_os_error() };
    let command = match &order.program {
        Program::Server { command, env, cwd } => Some(Command::new(command, env, cwd)?),
        Program::Trial => None,
    };
    let (inside, [stdin, stdout, stderr]) = pipes().map_err(kernel("make a pipe"))?;
    let outside = match order.users {
        HostUsers::Root { server, .. } if order.keeps(Protection::OwnUser) => server,
        HostUsers::Root { .. } | HostUsers::Rootless => 0,
    };
    let confinement = Confinement::of(order);
    // Nobody has run inside yet: the way to what is shown is the order's.
    let around = || Fence::around(&confinement, ResolveFlags::empty());
    let fence = order.keeps(Protection::Landlock).then(around).transpose().unwrap_or_else(|errno| {
        notes.push(Note::LandlockRefused { errno: errno.raw_os_error() });
        None
    });
    let mut plan = Plan {
        command: command.as_ref(),
        confinement: &confinement,
        proc: proc.as_fd(),
        beside: Beside::Nobody { mapping: format!("{} {outside} 1", userns::SERVER_ID).into_bytes() },
        stdio: inside.each_ref().map(AsRawFd::as_raw_fd),
        is_terminal: false,
        given: &given,
        fence,
        said: Said::default(),
    };
    let pid = spawn(&mut plan).map_err(kernel("make a process"))?;
    let said = plan.said;
    drop(given);
    if let Some(failure) = said.failure {
        return Err(failure.explain(command.as_ref()));
    }
    notes.extend(said.without_landlock);
    notes.extend(said.without_filter);
    Ok(Server { pid, stdin: Some(stdin), stdout, stderr, landlock: said.landlock })
}
