//! Giving up privileges: the server's before it runs, and init's own once it does.
#![allow(unsafe_code)]

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, UnshareFlags, clear_ambient_capability_set,
    set_capabilities, set_capabilities_secure_bits, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid, unshare_unsafe,
};
use sessile_link::{HostUsers, Refusal};

/// More capabilities than any kernel has; dropping one that does not exist ends the loop.
const MAX_CAPABILITIES: libc::c_ulong = 64;

/// Being root gives nothing any more, and no way leads back.
const LOCKED: CapabilitiesSecureBits = CapabilitiesSecureBits::NO_ROOT
    .union(CapabilitiesSecureBits::NO_ROOT_LOCKED)
    .union(CapabilitiesSecureBits::KEEP_CAPS_LOCKED)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

/// Moves to a new cgroup namespace, in which the sandbox's own cgroup is `/`.
pub(crate) fn hide_cgroup() -> Result<(), Errno> {
    // SAFETY: no descriptor table, file system state or memory is shared or taken apart by this flag.
    unsafe { unshare_unsafe(UnshareFlags::NEWCGROUP) }
}

/// Empties the set of capabilities that any later program could gain.
fn empty_bounding_set() {
    for capability in 0..MAX_CAPABILITIES {
        // SAFETY: takes plain numbers. One that is no capability is refused, which ends the loop.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            break;
        }
    }
}

/// Becomes this user and group and nobody else. Makes only system calls.
pub(crate) fn become_user(id: u32) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// `KEYCTL_JOIN_SESSION_KEYRING`.
const JOIN_SESSION_KEYRING: libc::c_long = 1;

/// Leaves the runtime's session keyring, which no namespace hides, for an empty one. Makes only system calls.
pub(crate) fn leave_keyring() -> Result<(), Errno> {
    let anonymous = core::ptr::null::<libc::c_char>();
    // SAFETY: takes a number and a null name.
    if unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, anonymous) } >= 0 {
        return Ok(());
    }
    match crate::errno::last() {
        // A kernel without keyrings, or a filter around all of this that forbids them to the server too.
        Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP => Ok(()),
        errno => Err(errno),
    }
}

/// Enters a new user namespace. For the child that becomes the server, before its ids are mapped.
pub(crate) fn enter_user_namespace() -> Result<(), Errno> {
    // SAFETY: changes who the caller is and nothing about memory or descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }
}

/// Gives up every capability and every way to one. Makes only system calls.
pub(crate) fn renounce() -> Result<(), Errno> {
    set_capabilities_secure_bits(LOCKED)?;
    clear_ambient_capability_set()?;
    empty_bounding_set();
    hold_only(CapabilitySet::empty())
}

/// No program that it runs gives it more than it has, whatever the program's file says. Makes only system calls.
pub(crate) fn gain_nothing() -> Result<(), Errno> {
    set_no_new_privs(true)
}

fn hold_only(capabilities: CapabilitySet) -> Result<(), Errno> {
    let sets = CapabilitySets { effective: capabilities, permitted: capabilities, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)
}

/// Whether others of the same user may look into this process.
pub(crate) fn be_open(open: bool) -> Result<(), Errno> {
    set_dumpable_behavior(if open { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable })
}

/// Makes init nobody: what it still needs is to reap its children, and to signal one that is another user's.
pub(crate) fn resign(users: HostUsers) -> Result<(), Refusal> {
    resign_to(users, CapabilitySet::KILL, "init gives up its privileges")
}

/// The same for what has started a further command from outside: it also finds that command's processes in `/proc`.
pub(crate) fn resign_outside(users: HostUsers) -> Result<(), Refusal> {
    let kept = CapabilitySet::KILL | CapabilitySet::SYS_PTRACE;
    resign_to(users, kept, "the command's parent gives up its privileges")
}

/// Becomes nobody in particular, with `kept` at most: of it, an ordinary user needs nothing to get at what is its own.
fn resign_to(users: HostUsers, kept: CapabilitySet, what: &str) -> Result<(), Refusal> {
    let steps = || {
        let keep = match users {
            HostUsers::Root { init, .. } => {
                set_capabilities_secure_bits(CapabilitiesSecureBits::KEEP_CAPS)?;
                empty_bounding_set();
                become_user(init)?;
                kept
            }
            HostUsers::Rootless => {
                empty_bounding_set();
                CapabilitySet::empty()
            }
        };
        hold_only(keep)?;
        set_no_new_privs(true)?;
        be_open(false)
    };
    steps().map_err(|errno: Errno| Refusal::Confine { what: what.into(), errno: errno.raw_os_error() })
}
