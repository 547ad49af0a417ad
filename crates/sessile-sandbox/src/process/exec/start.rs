//! The blocking part: from an order to a command that runs. A few milliseconds of system calls, on a thread of the blocking pool.

use crate::Pipes;
use crate::cgroup::Group;
use crate::exec::{ExecError, Streams};
use crate::process::answers::{Answers, NoAnswer};
use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use crate::process::spawn::{Also, Birth, spawn};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, sendmsg, shutdown};
use sessile_link::{ExecOrder, FromExec, Inbox, Protection, ToExec};
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a start may take. It is a matter of milliseconds; a working directory on a file system that hangs may hold it up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what runs a command may take to end it: to kill what may be forking, and to wait for it.
pub(super) const LAST_BREATH: Duration = Duration::from_secs(2);

/// What runs the command, outside of the sandbox's PID namespace. It ends the command when its link ends, and reaps it: without that,
/// the kernel would not let the sandbox go. So it is killed itself only when it does not end. Dropping this does all of it.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) link: UnixStream,
    pub(super) process: InitProcess,
}

impl Parent {
    /// Has the command killed.
    pub(super) fn dismiss(link: &UnixStream) {
        // Writing only: its report is still wanted.
        let _ = shutdown(link, Shutdown::Write);
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        Self::dismiss(&self.link);
        if !self.process.reap() {
            self.process.wait(LAST_BREATH);
        }
    }
}

/// A command that runs and that nobody watches yet. Dropping it kills it.
pub(super) struct Started {
    pub(super) parent: Parent,
    pub(super) inbox: Inbox<FromExec>,
    pub(super) streams: Streams,
}

/// Starts `sessile-exec`, gives it its order, and waits until the command runs.
pub(super) fn start(image: &InitImage, group: &Group, init: &OwnedFd, order: ExecOrder) -> Result<Started, ExecError> {
    let deadline = Instant::now() + PATIENCE;
    let has_terminal = order.terminal.is_some();
    let close = order.confinement.keeps(Protection::ClosedDescriptors);
    let mut bytes = Vec::new();
    sessile_link::control::encode(&ToExec::Run(Box::new(order)), &mut bytes)
        .map_err(|error| ExecError::Invalid { what: format!("command and environment: {error}") })?;
    let (link, theirs) = UnixStream::pair().map_err(ExecError::host("make the link"))?;
    // Without its cgroups there is no sandbox any more.
    let joining = group.joining().map_err(|_| ExecError::Ended)?;
    let process = spawn(Birth { image, name: c"sessile-exec", link: theirs.into(), also: Also::default(), namespaces: 0, joining, close })?;
    let mut parent = Parent { link, process };
    parent.link.set_write_timeout(Some(PATIENCE)).map_err(ExecError::host("set up the link"))?;
    let died = || ExecError::Lost { why: "it was killed, by the sandbox's memory limit or from outside".into() };
    send(&mut parent.link, &bytes, init).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ExecError::Timeout { after: PATIENCE },
        _ => died(),
    })?;
    let link = parent.link.try_clone().map_err(ExecError::host("watch the link"))?;
    let mut answers = Answers::over(link);
    let answer = answers.next(deadline).map_err(|why| match why {
        NoAnswer::Late => ExecError::Timeout { after: PATIENCE },
        NoAnswer::Gone => died(),
        NoAnswer::Nonsense(error) => ExecError::Lost { why: error.to_string() },
        NoAnswer::Host(what, source) => ExecError::Host { what, source },
    })?;
    match answer {
        FromExec::Started => {}
        FromExec::Refused(refusal) => return Err(refusal.into()),
        FromExec::Ended(_) => return Err(died()),
    }
    let Answers { inbox, mut descriptors, .. } = answers;
    let streams = if has_terminal {
        descriptors.pop().filter(|_| descriptors.is_empty()).map(Streams::Terminal)
    } else {
        <[OwnedFd; 3]>::try_from(descriptors)
            .ok()
            .map(|[stdin, stdout, stderr]| Streams::Pipes(Pipes { stdin, stdout, stderr }))
    };
    let streams = streams.ok_or_else(|| ExecError::Lost { why: "it did not hand over all descriptors".into() })?;
    Ok(Started { parent, inbox, streams })
}

/// Says the order, and with its first byte hands over the descriptor of the sandbox's init.
fn send(link: &mut UnixStream, bytes: &[u8], init: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [init.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(&*link, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    link.write_all(bytes.get(sent..).unwrap_or_default())
}
