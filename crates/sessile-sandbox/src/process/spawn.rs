//! Cloning a child that becomes init or the keeper, without copying the runtime's page tables.
//!
//! Like `vfork(2)`: the child borrows the runtime's memory and the calling thread until its program runs. Everything the
//! child does is a system call on values laid out beforehand: other threads of the runtime go on meanwhile, so that it may
//! neither allocate nor take a lock.
#![allow(unsafe_code)]

mod clone;

use crate::cgroup::Joining;
use crate::process::init_image::InitImage;
use crate::process::init_process::InitProcess;
use clone::Stack;
use rustix::fs::{Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use sessile_link::MAX_GIVEN;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The stack that the child uses until its program runs.
const STACK: usize = 64 * 1024;

/// Where init and the keeper expect their link.
const LINK_FD: RawFd = 3;

/// What may lie after the link: four things that init keeps, and what the server is given.
const ALSO: usize = 4 + MAX_GIVEN;

/// Which part of the child failed; nothing it could say more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildStep {
    /// Moving to the sandbox's cgroups.
    Cgroup,
    /// Mapping the user in its new namespace.
    UserMapping,
    /// Arranging its descriptors.
    Descriptors,
    /// Running init.
    Run,
}

/// Why there is no child.
#[derive(Debug)]
pub(crate) enum SpawnError {
    /// The clone itself: namespaces.
    Clone(io::Error),
    /// A step after it.
    Child(ChildStep, io::Error),
}

/// What init gets for others: each has a number of its own, after the link's. (`init/bequest.rs`, `init/held.rs`, `init/given.rs`)
#[derive(Debug, Default)]
pub(crate) struct Also {
    /// 4: where the next runtime asks for the sandbox.
    pub(crate) meeting: Option<OwnedFd>,
    /// 5: what that one is given.
    pub(crate) estate: Option<OwnedFd>,
    /// 6: what is held until the sandbox ends.
    pub(crate) held: Option<OwnedFd>,
    /// 7: what the next runtime is given beside.
    pub(crate) kept: Option<OwnedFd>,
    /// 8 and on: what the server is given, at most [`MAX_GIVEN`].
    pub(crate) given: Vec<OwnedFd>,
}

/// A child to be.
pub(crate) struct Birth<'a> {
    /// What it runs.
    pub(crate) image: &'a InitImage,
    /// Its name, `argv[0]`: which of its two jobs it does.
    pub(crate) name: &'static CStr,
    /// Its end of the link.
    pub(crate) link: OwnedFd,
    /// What else it gets.
    pub(crate) also: Also,
    /// The namespaces it gets (`CLONE_NEW…`).
    pub(crate) namespaces: c_int,
    /// The cgroups it moves to.
    pub(crate) joining: Joining,
    /// Whether it is kept from descriptors that were left open by accident: always, outside tests.
    pub(crate) close: bool,
}

/// What the child reads, laid out before it exists, and the one thing it writes.
struct Layout {
    /// What it writes `0` to, to move to its cgroups.
    files: Vec<RawFd>,
    /// `0 <uid> 1` and `0 <gid> 1`, for a user namespace.
    mapping: Option<[Vec<u8>; 2]>,
    null: RawFd,
    link: RawFd,
    /// By number, from the one after the link's.
    also: [Option<RawFd>; ALSO],
    image: RawFd,
    close: bool,
    argv: [*const c_char; 2],
    failure: Option<(ChildStep, i32)>,
}

/// Makes the child. Returns once its program runs.
pub(crate) fn spawn(birth: Birth<'_>) -> Result<InitProcess, SpawnError> {
    let descriptors = |error| SpawnError::Child(ChildStep::Descriptors, error);
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let null = crate::cgroup::above_standard(null.map_err(|e| descriptors(e.into()))?).map_err(descriptors)?;
    let link = crate::cgroup::above_standard(&birth.link).map_err(descriptors)?;
    let Also { meeting, estate, held, kept, given } = birth.also;
    let above = |given: Option<OwnedFd>| given.map(crate::cgroup::above_standard).transpose().map_err(descriptors);
    let mut also = [const { None }; ALSO];
    for (slot, given) in
        also.iter_mut().zip([meeting, estate, held, kept].into_iter().chain(given.into_iter().map(Some)))
    {
        *slot = above(given)?;
    }
    let own_users = birth.namespaces & libc::CLONE_NEWUSER != 0;
    let mapping = own_users.then(|| {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        [format!("0 {} 1", group.as_raw()).into_bytes(), format!("0 {} 1", user.as_raw()).into_bytes()]
    });
    let mut layout = Layout {
        files: birth.joining.files(birth.joining.birthplace().is_some()),
        mapping,
        null: null.as_raw_fd(),
        link: link.as_raw_fd(),
        also: also.each_ref().map(|also| also.as_ref().map(AsRawFd::as_raw_fd)),
        image: birth.image.raw(),
        close: birth.close,
        argv: [birth.name.as_ptr(), std::ptr::null()],
        failure: None,
    };
    let mut cloned = clone_blocked(birth.joining.birthplace(), birth.namespaces, &mut layout);
    if cloned.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Unsupported) {
        layout.files = birth.joining.files(false);
        cloned = clone_blocked(None, birth.namespaces, &mut layout);
    }
    let process = cloned.map_err(SpawnError::Clone)?;
    match layout.failure.take() {
        None => Ok(process),
        // Dropping `process` reaps the child, which has exited.
        Some((step, errno)) => Err(SpawnError::Child(step, io::Error::from_raw_os_error(errno))),
    }
}

/// The clone, with all signals blocked: a handler of the runtime must not run in the child, on the runtime's memory. Init
/// expects to begin with all signals blocked, and puts them right for the server.
fn clone_blocked(birthplace: Option<RawFd>, namespaces: c_int, layout: &mut Layout) -> io::Result<InitProcess> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nobody's memory.
    let lowest = unsafe { mmap_anonymous(std::ptr::null_mut(), STACK, protection, MapFlags::PRIVATE)? };
    let stack = Stack { lowest, size: STACK };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | namespaces;
    let argument = std::ptr::from_mut(layout).cast();
    let mut pidfd: c_int = -1;
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the signal sets are written before they are read, and the old mask is put back. Nobody else has the stack, and it outlives
    // the child's use of it, because CLONE_VFORK suspends this thread until the child has run its program or exited; for the
    // same reason nothing else touches `layout` meanwhile. `child` takes a `Layout` and makes only system calls.
    let cloned = unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        let cloned = match birthplace {
            Some(cgroup) => clone::clone_into(cgroup, child, &stack, flags, argument, &mut pidfd),
            None => clone::clone(child, &stack, flags, argument, &mut pidfd),
        };
        libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut());
        let _ = munmap(lowest, STACK);
        cloned
    };
    let pid = cloned?;
    // SAFETY: the kernel has just opened it for this process, close-on-exec, and nobody else knows of it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(InitProcess::new(pid, pidfd))
}

/// The child, until its program runs.
extern "C" fn child(layout: *mut c_void) -> c_int {
    // SAFETY: `clone` passes a valid layout and does not touch it while the child runs.
    let layout = unsafe { &mut *layout.cast::<Layout>() };
    let step = become_init(layout);
    // SAFETY: errno of the suspended thread, which the child borrows; the failed call has just set it.
    layout.failure = Some((step, unsafe { *libc::__errno_location() }));
    127
}

/// Every step from a copy of the runtime to init. Returns only the step that failed, with its errno set. Makes only system calls.
fn become_init(layout: &Layout) -> ChildStep {
    // SAFETY: plain system calls on descriptors and terminated or sized buffers that `layout` keeps alive. The child has its
    // own copy of the descriptor table, so nothing the runtime holds is closed.
    unsafe {
        for file in &layout.files {
            if libc::write(*file, c"0".as_ptr().cast(), 1) != 1 {
                return ChildStep::Cgroup;
            }
        }
        if let Some([group, user]) = &layout.mapping {
            let files: [(&CStr, &[u8]); 3] =
                [(c"/proc/self/setgroups", b"deny"), (c"/proc/self/gid_map", group), (c"/proc/self/uid_map", user)];
            for (path, text) in files {
                let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                if file < 0 || libc::write(file, text.as_ptr().cast(), text.len()) < 0 {
                    return ChildStep::UserMapping;
                }
            }
        }
        for standard in 0..LINK_FD {
            if libc::dup2(layout.null, standard) < 0 {
                return ChildStep::Descriptors;
            }
        }
        if libc::dup2(layout.link, LINK_FD) < 0 {
            return ChildStep::Descriptors;
        }
        let mut number = LINK_FD;
        for given in &layout.also {
            number += 1;
            let placed = match given {
                Some(given) => libc::dup2(*given, number),
                // Whatever lies there is not for init.
                None if layout.close => libc::dup3(layout.null, number, libc::O_CLOEXEC),
                None => number,
            };
            if placed < 0 {
                return ChildStep::Descriptors;
            }
        }
        let (first, last) = ((number + 1).unsigned_abs(), u32::MAX);
        if layout.close && libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) != 0 {
            return ChildStep::Descriptors;
        }
        let env: [*const c_char; 1] = [std::ptr::null()];
        let (path, flags) = (c"".as_ptr(), libc::AT_EMPTY_PATH);
        libc::syscall(libc::SYS_execveat, layout.image, path, layout.argv.as_ptr(), env.as_ptr(), flags);
    }
    ChildStep::Run
}
