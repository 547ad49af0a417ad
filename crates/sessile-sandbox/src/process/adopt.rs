//! Taking over the sandboxes of a runtime that is gone.

use crate::cgroup::{self, Group};
use crate::process::Node;
use crate::process::answers::Answers;
use crate::process::exec::Entrance;
use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use crate::process::launch::Launched;
use crate::process::rendezvous::Rendezvous;
use crate::process::supervise;
use crate::{AdoptError, Adopted, Pipes, SandboxId, StartError};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use sessile_link::{Bequest, FromInit, Inside, ToInit};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one init may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one driver leaves to the next: kept by init as text, and given back with the sandbox.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The cgroups of the sandbox.
    pub(crate) cgroups: Vec<cgroup::Place>,
    /// Its memory limit, in bytes.
    pub(crate) memory: Option<u64>,
    /// What is less than was asked for.
    pub(crate) notes: Vec<String>,
    /// What running a further command in it takes.
    pub(crate) inside: Inside,
    /// Of whoever started it.
    pub(crate) note: Option<String>,
}

impl Record {
    /// As init keeps it.
    pub(crate) fn into_bequest(self, kept: bool) -> Result<Bequest, StartError> {
        let record = serde_json::to_string(&self);
        record
            .map(|record| Bequest { record, kept })
            .map_err(|error| StartError::host("write the sandbox's record")(error.into()))
    }
}

/// Takes over every sandbox below `base` whose runtime is gone; `own` is where this runtime's are. Blocks for milliseconds, or as long as inits do not answer.
/// Must be called inside a tokio runtime.
pub(crate) fn adopt_all(base: &Path, own: Option<&Path>, image: &Arc<InitImage>) -> Vec<Result<Adopted, AdoptError>> {
    let mut adopted = Vec::new();
    for rendezvous in Rendezvous::take_over(base, own) {
        let names = rendezvous.sandboxes();
        let node = Arc::new(Node::of_another(rendezvous));
        for name in names {
            match adopt(&node, &name, image) {
                // Nobody listens: it was gone before, and its socket is what is left of it.
                Err(error) if error.is_gone() => {}
                outcome => adopted.push(outcome),
            }
        }
    }
    adopted
}

fn adopt(node: &Arc<Node>, name: &str, image: &Arc<InitImage>) -> Result<Adopted, AdoptError> {
    let failed = |what: &'static str| {
        let sandbox = name.to_owned();
        move |source: std::io::Error| AdoptError { sandbox, what, source }
    };
    let strange = |what: &'static str| failed(what)(std::io::Error::other("not what an init of this version says"));
    let id = SandboxId::new(name).map_err(|_| strange("read the name"))?;
    let rendezvous = node.rendezvous.as_ref().ok_or_else(|| strange("find"))?;
    let mut link = rendezvous.call(name).map_err(failed("reach the init of"))?;
    // Init answers below, so it lives when its process is opened here: the number is not another's.
    let pid = socket_peercred(&link).map_err(|errno| failed("know the init of")(errno.into()))?.pid;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| failed("watch the init of")(errno.into()))?;

    let mut ask = Vec::new();
    sessile_link::control::encode(&ToInit::Adopt, &mut ask).map_err(|_| strange("ask for"))?;
    link.write_all(&ask).map_err(failed("ask for"))?;
    let mut answers = Answers::over(link);
    let answer = answers
        .next(Instant::now() + PATIENCE)
        .map_err(|error| failed("hear from the init of")(std::io::Error::other(error)))?;
    let FromInit::Adopted { record, pid: server, landlock, notes, stdin, gate, kept, .. } = answer else {
        return Err(strange("understand the init of"));
    };
    let Answers { link, inbox, descriptors } = answers;
    let mut descriptors = descriptors.into_iter();
    let mut next = |there: bool| -> Result<Option<OwnedFd>, AdoptError> {
        if there { descriptors.next().map(Some).ok_or_else(|| strange("get the pipes of")) } else { Ok(None) }
    };
    let (stdout, stderr, estate) = (next(true)?, next(true)?, next(true)?);
    let (stdin, egress, kept) = (next(stdin)?, next(gate)?, next(kept)?);
    let (Some(stdin), Some(stdout), Some(stderr), Some(estate)) = (stdin, stdout, stderr, estate) else {
        return Err(strange("talk to the server of")); // its standard input was closed: it was about to end
    };
    let record: Record = serde_json::from_str(&record).map_err(|error| failed("read the record of")(error.into()))?;
    node.owns(&record.cgroups);
    let mut entrance = Entrance::again(image, record.inside);
    entrance.found(server, landlock, &notes);
    let launched = Launched {
        process: InitProcess::adopted(pid.as_raw_nonzero().get(), pidfd),
        link,
        inbox,
        pipes: Pipes { stdin, stdout, stderr },
        egress,
        notes,
        landlock,
        entrance,
        group: Arc::new(Group::adopted(record.cgroups)),
        place: Some(rendezvous.place_of(name)),
        node: Arc::clone(node),
    };
    let sandbox = supervise::watch_over(launched, id, record.memory, record.notes)
        .map_err(|error| failed("watch")(std::io::Error::other(error)))?;
    Ok(Adopted { sandbox, estate, kept, note: record.note })
}
