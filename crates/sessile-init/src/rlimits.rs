//! Limits of each process. For the child that becomes the server; makes only system calls.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sessile_link::Rlimits;

fn set(resource: Resource, wanted: u64) -> Result<(), Errno> {
    // Raising a hard limit takes a privilege that an ordinary user lacks: then what the host gives is the limit.
    let hard = getrlimit(resource).maximum;
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    match setrlimit(resource, limit(wanted)) {
        Err(Errno::PERM) => setrlimit(resource, limit(hard.map_or(wanted, |hard| hard.min(wanted)))),
        done => done,
    }
}

/// What holds for a process whoever it is: while there may still be a privilege to raise it.
pub(crate) fn set_for_anyone(limits: &Rlimits) -> Result<(), Errno> {
    set(Resource::Nofile, limits.open_files)?;
    set(Resource::Core, 0)?;
    limits.data.map_or(Ok(()), |bytes| set(Resource::Data, bytes))
}

/// What counts by user: set inside the server's own user namespace, so that it counts this sandbox and nothing else.
pub(crate) fn set_for_user(limits: &Rlimits) -> Result<(), Errno> {
    limits.processes.map_or(Ok(()), |count| set(Resource::Nproc, count))
}
