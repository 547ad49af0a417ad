//! The blocking part of a start: from a specification to a server that runs. A few milliseconds of system calls, so it
//! has a thread of the blocking pool to itself.

use crate::cgroup::Group;
use crate::process::Node;
use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use crate::process::spawn::{Birth, spawn};
use crate::{Pipes, StartError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use sessile_link::{FromInit, HostUsers, Inbox, Note, Protection, StartOrder, ToInit};
use std::ffi::c_int;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A started sandbox that nobody watches yet. Dropping it kills it and removes everything. (Fields are dropped in
/// order: first the processes go, then their cgroups, then this node's.)
pub(crate) struct Launched {
    pub(crate) process: InitProcess,
    pub(crate) link: UnixStream,
    pub(crate) inbox: Inbox<FromInit>,
    pub(crate) pipes: Pipes,
    /// What listens inside for the gate, if it was asked for.
    pub(crate) egress: Option<OwnedFd>,
    pub(crate) notes: Vec<Note>,
    /// The version of Landlock in force; 0 for none.
    pub(crate) landlock: u32,
    pub(crate) group: Arc<Group>,
    pub(crate) node: Arc<Node>,
}

/// What the start has to be done by, and how long that was in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) after: Duration,
}

impl Deadline {
    pub(crate) fn in_(after: Duration) -> Self {
        Self { at: Instant::now() + after, after }
    }

    fn left(self) -> Result<Duration, StartError> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(StartError::Timeout { after: self.after }) } else { Ok(left) }
    }
}

/// The namespaces of a sandbox.
fn namespaces(order: &StartOrder) -> c_int {
    let mut flags = libc::CLONE_NEWNS;
    for (protection, flag) in [
        (Protection::OwnProcesses, libc::CLONE_NEWPID),
        (Protection::OwnIpc, libc::CLONE_NEWIPC),
        (Protection::OwnHostname, libc::CLONE_NEWUTS),
    ] {
        if order.keeps(protection) {
            flags |= flag;
        }
    }
    if order.loopback {
        flags |= libc::CLONE_NEWNET;
    }
    if order.users == HostUsers::Rootless {
        flags |= libc::CLONE_NEWUSER;
    }
    flags
}

/// Starts init, which holds `held` from its first moment on, gives it its order, and waits until the server runs.
pub(crate) fn launch(
    image: &InitImage,
    order: StartOrder,
    held: Option<&OwnedFd>,
    group: Group,
    node: Arc<Node>,
    deadline: Deadline,
) -> Result<Launched, StartError> {
    let namespaces = namespaces(&order);
    let gate = order.gate;
    let close = order.keeps(Protection::ClosedDescriptors);
    let mut bytes = Vec::new();
    sessile_link::control::encode(&ToInit::Start(Box::new(order)), &mut bytes)
        .map_err(|error| StartError::InvalidSpec { what: format!("command, environment and files: {error}") })?;
    let (mut link, inits) = UnixStream::pair().map_err(StartError::host("make the link"))?;
    let group = Arc::new(group);
    let joining = group.joining()?;
    let process = spawn(Birth { image, name: c"sessile-init", link: inits.into(), held, namespaces, joining, close })?;

    link.set_write_timeout(Some(deadline.left()?)).map_err(StartError::host("set up the link"))?;
    if let Err(error) = link.write_all(&bytes) {
        return Err(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StartError::Timeout { after: deadline.after },
            _ => died(&group),
        });
    }
    let mut answers = Answers { link, inbox: Inbox::default(), descriptors: Vec::new() };
    let (landlock, notes) = match answers.next(deadline, &group)? {
        FromInit::Started { landlock, notes, .. } => (landlock, notes),
        FromInit::Refused(refusal) => return Err(refusal.into()),
        FromInit::Exited { .. } => return Err(died(&group)),
    };
    let Answers { link, inbox, mut descriptors } = answers;
    let egress = if gate { descriptors.pop() } else { None };
    let Ok([stdin, stdout, stderr]) = <[OwnedFd; 3]>::try_from(descriptors) else {
        return Err(StartError::InitDied { why: "it did not hand over all descriptors".into() });
    };
    let pipes = Pipes { stdin, stdout, stderr };
    Ok(Launched { process, link, inbox, pipes, egress, notes, landlock, group, node })
}

/// What can be said of an init that ended without a word.
fn died(group: &Group) -> StartError {
    let why = match group.usage().out_of_memory_kills {
        Some(1..) => "the memory limit is too small to start in",
        _ => "it was killed from outside",
    };
    StartError::InitDied { why: why.into() }
}

/// The runtime's end of the link while it waits for the first answer.
struct Answers {
    link: UnixStream,
    inbox: Inbox<FromInit>,
    descriptors: Vec<OwnedFd>,
}

impl Answers {
    fn next(&mut self, deadline: Deadline, group: &Group) -> Result<FromInit, StartError> {
        loop {
            match self.inbox.next() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => return Err(StartError::InitDied { why: error.to_string() }),
            }
            let patience = Timespec::try_from(deadline.left()?).ok();
            let mut polled = [PollFd::new(&self.link, PollFlags::IN)];
            match poll(&mut polled, patience.as_ref()) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(StartError::host("wait for init")(error.into())),
            }
            if self.receive().map_err(StartError::host("hear from init"))? == 0 {
                return Err(died(group));
            }
        }
    }

    /// Takes in bytes, and the descriptors that come with them.
    fn receive(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.link, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.inbox.push(bytes.get(..received.bytes).unwrap_or_default());
        Ok(received.bytes)
    }
}
