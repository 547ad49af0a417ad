//! Filters of system calls (seccomp): the server's, put on as the last thing before its program runs, and init's own, put on once
//! it only watches. Both are made by the compiler and lie ready in this program.
//!
//! What the server's filter is: every call that Linux has today is decided on, by name. What no server needs is refused (the list is in
//! [`calls`]); of what is needed in part, the arguments decide ([`server`]); what a newer kernel brings does not exist (`ENOSYS`), which
//! is what programs are ready to hear of a new call. A list of refusals over the calls that are known, and of permissions over those
//! that are not: a plain list of permissions breaks servers whose libraries begin to use an old and harmless call, and a plain
//! list of refusals lets in what its author never heard of.
//!
//! Nothing here inspects memory: a filter sees numbers only, and what a pointer leads to may change after it looked. Calls of another
//! architecture (32 bits) kill the process, since their numbers mean other calls.
#![allow(unsafe_code)]

mod assemble;
mod calls;
mod exec;
mod init;
mod server;

#[cfg(test)]
mod tests;

use assemble::Instruction;
use rustix::io::Errno;

/// `SECCOMP_SET_MODE_FILTER`.
const SET_FILTER: libc::c_ulong = 1;

/// What the kernel takes: where the instructions are and how many.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Puts the server's filter on the calling process, for good. Needs `no_new_privs`. Makes only system calls.
pub(crate) fn confine_server() -> Result<(), Errno> {
    put_on(server::FILTER.instructions())
}

/// Puts init's filter on init, for good.
pub(crate) fn confine_init() -> Result<(), Errno> {
    put_on(init::FILTER.instructions())
}

/// Puts its filter on what watches over a further command, for good.
pub(crate) fn confine_exec() -> Result<(), Errno> {
    put_on(exec::FILTER.instructions())
}

fn put_on(instructions: &'static [Instruction]) -> Result<(), Errno> {
    if calls::ARCHITECTURE == 0 {
        return Err(Errno::NOSYS); // no table is written for this processor
    }
    let length = u16::try_from(instructions.len()).map_err(|_| Errno::INVAL)?;
    let program = Program { length, instructions: instructions.as_ptr() };
    // SAFETY: the program points to as many instructions as it says, and both are only read.
    if unsafe { libc::syscall(libc::SYS_seccomp, SET_FILTER, 0, &raw const program) } == 0 {
        return Ok(());
    }
    Err(crate::errno::last())
}
