//! Limits of each process. For the child that becomes the server; makes only system calls.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sessile_link::{Confinement, Protection};

fn set(resource: Resource, wanted: u64) -> Result<(), Errno> {
    // Raising a hard limit takes a privilege that an ordinary user lacks: then what the host gives is the limit.
    let hard = getrlimit(resource).maximum;
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    match setrlimit(resource, limit(wanted)) {
        Err(Errno::PERM) => setrlimit(resource, limit(hard.map_or(wanted, |hard| hard.min(wanted)))),
        done => done,
    }
}

/// No dumps of memory. One byte and not none: too little for any dump, and the one value for which the kernel also leaves the host's
/// program for dumps alone (`core(5)`: the limit does not count for dumps that are piped), which would run as root on what the
/// server made of its memory.
const NO_DUMPS: u64 = 1;

/// What holds for a process whoever it is: while there may still be a privilege to raise it.
pub(crate) fn set_for_anyone(by: &Confinement) -> Result<(), Errno> {
    set(Resource::Nofile, by.rlimits.open_files)?;
    set(Resource::Core, if by.keeps(Protection::NoCoreDumps) { NO_DUMPS } else { u64::MAX })?;
    by.rlimits.data.map_or(Ok(()), |bytes| set(Resource::Data, bytes))
}

/// What counts by user: set inside the server's own user namespace, so that it counts this sandbox and nothing else.
pub(crate) fn set_for_user(by: &Confinement) -> Result<(), Errno> {
    by.rlimits.processes.map_or(Ok(()), |count| set(Resource::Nproc, count))
}
