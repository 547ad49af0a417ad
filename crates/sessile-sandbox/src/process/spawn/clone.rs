//! The system call: `clone3(2)`, which can place the child in its cgroup at birth, or `clone(2)` where it cannot be had.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::RawFd;

/// What the child does with the pointer it gets; what it returns is its exit code.
pub(super) type Child = extern "C" fn(*mut c_void) -> c_int;

/// A stack for the child: where it begins and how long it is.
pub(super) struct Stack {
    pub(super) lowest: *mut c_void,
    pub(super) size: usize,
}

/// Clones, with the child's process descriptor written to `pidfd`. `flags` holds everything but the signal at the end, which is SIGCHLD.
///
/// # Safety
/// `stack` is writable memory of that size that nobody else uses until the child has run its program or exited, which
/// CLONE_VFORK among `flags` waits for. `argument` suits `child`. `child` makes only system calls.
pub(super) unsafe fn clone(
    child: Child,
    stack: &Stack,
    flags: c_int,
    argument: *mut c_void,
    pidfd: &mut c_int,
) -> io::Result<i32> {
    // SAFETY: the caller vouches for the stack; its end is one past its last byte. The pointer for the descriptor is valid.
    let pid = unsafe {
        let top = stack.lowest.byte_add(stack.size);
        libc::clone(child, top, flags | libc::SIGCHLD, argument, std::ptr::from_mut(pidfd))
    };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) }
}

/// The same, with the child born into the cgroup whose directory is `cgroup`: moving there later takes the kernel about
/// ten milliseconds.
///
/// # Errors
/// `Unsupported` where this cannot be had: on processors for which it is not written, before Linux 5.7, and where a container's
/// seccomp filter does not know the call.
///
/// # Safety
/// As for [`clone`].
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn clone_into(
    cgroup: RawFd,
    child: Child,
    stack: &Stack,
    flags: c_int,
    argument: *mut c_void,
    pidfd: &mut c_int,
) -> io::Result<i32> {
    /// `struct clone_args`.
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let arguments = Arguments {
        flags: u64::from(flags.cast_unsigned()) | INTO_CGROUP,
        pidfd: std::ptr::from_mut(pidfd) as u64,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        stack: stack.lowest as u64,
        stack_size: stack.size as u64,
        cgroup: u64::from(cgroup.cast_unsigned()),
        ..Arguments::default()
    };
    let answer: isize;
    // SAFETY: the parent comes out behind the label with all registers but the answer's and those that `syscall` clobbers
    // as they were. The child comes out on its own empty stack, aligned as a call needs it, calls its function and exits
    // with what that returns; it never reaches the label. The caller vouches for stack, function and argument.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "mov edi, eax",
            "mov eax, {exit}",
            "syscall",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone3 as isize => answer,
            in("rdi") &raw const arguments,
            in("rsi") size_of::<Arguments>(),
            in("r12") child,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    match i32::try_from(answer).map_err(io::Error::other)? {
        pid @ 1.. => Ok(pid),
        error => Err(match -error {
            libc::ENOSYS | libc::E2BIG | libc::EINVAL => io::ErrorKind::Unsupported.into(),
            errno => io::Error::from_raw_os_error(errno),
        }),
    }
}

/// See the other one: not written for this processor.
///
/// # Safety
/// None is needed.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn clone_into(
    _cgroup: RawFd,
    _child: Child,
    _stack: &Stack,
    _flags: c_int,
    _argument: *mut c_void,
    _pidfd: &mut c_int,
) -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}
