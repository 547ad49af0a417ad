//! The blocking part of a start: from a specification to a server that runs. A few milliseconds of system calls, so it
//! has a thread of the blocking pool to itself.

use crate::cgroup::Group;
use crate::process::Node;
use crate::process::adopt::Record;
use crate::process::answers::{Answers, NoAnswer};
use crate::process::exec::Entrance;
use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use crate::process::rendezvous::Place;
use crate::process::spawn::{Also, Birth, spawn};
use crate::{Pipes, StartError};
use sessile_link::{FromInit, HostUsers, Inbox, Note, Protection, StartOrder, ToInit};
use std::ffi::c_int;
use std::io::{self, Write};
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
    /// What running a further command in it takes.
    pub(crate) entrance: Entrance,
    pub(crate) group: Arc<Group>,
    /// Where the next runtime finds it.
    pub(crate) place: Option<Place>,
    pub(crate) node: Arc<Node>,
}

/// What init keeps for the next runtime, beside the record in its order.
pub(crate) struct Heirloom {
    /// Where it listens.
    pub(crate) meeting: OwnedFd,
    pub(crate) place: Place,
    /// What is handed over.
    pub(crate) estate: OwnedFd,
    /// And beside it.
    pub(crate) kept: Option<OwnedFd>,
    /// For the record.
    pub(crate) memory: Option<u64>,
    pub(crate) notes: Vec<String>,
    pub(crate) note: Option<String>,
}

/// What init gets for others.
#[derive(Default)]
pub(crate) struct Parcels {
    /// For the next runtime.
    pub(crate) heirloom: Option<Heirloom>,
    /// Until the sandbox ends.
    pub(crate) held: Option<OwnedFd>,
    /// For the server: as many as its order says.
    pub(crate) given: Vec<OwnedFd>,
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

/// Starts init, which has the `parcels` from its first moment on, gives it its order, and waits until the server runs.
pub(crate) fn launch(
    image: &Arc<InitImage>,
    mut order: StartOrder,
    parcels: Parcels,
    group: Group,
    node: Arc<Node>,
    deadline: Deadline,
) -> Result<Launched, StartError> {
    let namespaces = namespaces(&order);
    let mut entrance = Entrance::of(&order, namespaces, image);
    if let Some(Heirloom { memory, notes, note, kept, .. }) = &parcels.heirloom {
        let (cgroups, inside) = (group.parts().to_vec(), entrance.inside().clone());
        let record = Record { cgroups, memory: *memory, notes: notes.clone(), inside, note: note.clone() };
        order.bequest = Some(record.into_bequest(kept.is_some())?);
    }
    let gate = order.gate;
    let close = order.keeps(Protection::ClosedDescriptors);
    let mut bytes = Vec::new();
    sessile_link::control::encode(&ToInit::Start(Box::new(order)), &mut bytes)
        .map_err(|error| StartError::InvalidSpec { what: format!("command, environment and files: {error}") })?;
    let (mut link, inits) = UnixStream::pair().map_err(StartError::host("make the link"))?;
    let group = Arc::new(group);
    let joining = group.joining()?;
    let Parcels { heirloom, held, given } = parcels;
    let mut also = Also { held, given, ..Also::default() };
    let place = heirloom.map(|Heirloom { meeting, estate, kept, place, .. }| {
        (also.meeting, also.estate, also.kept) = (Some(meeting), Some(estate), kept);
        place
    });
    let process = spawn(Birth { image, name: c"sessile-init", link: inits.into(), also, namespaces, joining, close })?;

    link.set_write_timeout(Some(deadline.left()?)).map_err(StartError::host("set up the link"))?;
    if let Err(error) = link.write_all(&bytes) {
        return Err(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StartError::Timeout { after: deadline.after },
            _ => died(&group),
        });
    }
    let mut answers = Answers::over(link);
    let answer = answers.next(deadline.at).map_err(|why| match why {
        NoAnswer::Late => StartError::Timeout { after: deadline.after },
        NoAnswer::Gone => died(&group),
        NoAnswer::Nonsense(error) => StartError::InitDied { why: error.to_string() },
        NoAnswer::Host(what, source) => StartError::Host { what, source },
    })?;
    let (landlock, notes) = match answer {
        FromInit::Started { pid, landlock, notes } => {
            entrance.found(pid, landlock, &notes);
            (landlock, notes)
        }
        FromInit::Refused(refusal) => return Err(refusal.into()),
        FromInit::Exited { .. } | FromInit::Adopted { .. } | FromInit::Connected { .. } => return Err(died(&group)),
    };
    let Answers { link, inbox, mut descriptors } = answers;
    let egress = if gate { descriptors.pop() } else { None };
    let Ok([stdin, stdout, stderr]) = <[OwnedFd; 3]>::try_from(descriptors) else {
        return Err(StartError::InitDied { why: "it did not hand over all descriptors".into() });
    };
    let pipes = Pipes { stdin, stdout, stderr };
    Ok(Launched { process, link, inbox, pipes, egress, notes, landlock, entrance, group, place, node })
}

/// What can be said of an init that ended without a word.
fn died(group: &Group) -> StartError {
    let why = match group.usage().out_of_memory_kills {
        Some(1..) => "the memory limit is too small to start in",
        _ => "it was killed from outside",
    };
    StartError::InitDied { why: why.into() }
}
