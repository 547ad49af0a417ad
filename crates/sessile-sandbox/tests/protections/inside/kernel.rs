//! Attempts on the kernel's surface.

use super::{ChildEnd, all_in_a_child, in_a_child};
use crate::outcome::{Outcome, answered, held, is_unfiltered, reached};
use libc::{c_long, syscall};
use std::ptr::null_mut;

const USER: c_long = libc::CLONE_NEWUSER as c_long;
const MOUNTS: c_long = libc::CLONE_NEWNS as c_long;
const NETWORK: c_long = libc::CLONE_NEWNET as c_long;

/// What the kernel counts without hardware: `PERF_TYPE_SOFTWARE`, and `struct perf_event_attr` as it began.
const SOFTWARE: u32 = 1;
const EVENT_SIZE: u32 = 64;

pub(super) fn attempt(name: &str) -> Option<Outcome> {
    // SAFETY: each call takes numbers, or pointers to memory of this function that is as large as the kernel expects.
    let outcome = unsafe {
        match name {
            "user_namespace" => all_in_a_child(&[&|| syscall(libc::SYS_unshare, USER)]),
            "user_namespace_of_a_child" => child_in_a_user_namespace(),
            "namespaces_by_clone3" => reached(syscall(libc::SYS_clone3, null_mut::<u8>(), 0)),
            "mount_in_a_user_namespace" => all_in_a_child(&[&|| syscall(libc::SYS_unshare, USER | MOUNTS), &|| {
                libc::mount(c"x".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), 0, null_mut()).into()
            }]),
            "chroot_in_a_user_namespace" => {
                all_in_a_child(&[&|| syscall(libc::SYS_unshare, USER), &|| libc::chroot(c"/tmp".as_ptr()).into()])
            }
            "raw_socket_in_a_user_namespace" => {
                all_in_a_child(&[&|| syscall(libc::SYS_unshare, USER | NETWORK), &|| {
                    libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP).into()
                }])
            }
            "trace_a_child" => all_in_a_child(&[&|| libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0)]),
            "read_memory_of_a_process" => read_memory(),
            "take_a_descriptor_of_a_process" => {
                let process = syscall(libc::SYS_pidfd_open, libc::getpid(), 0);
                assert!(process >= 0, "{}", std::io::Error::last_os_error());
                answered(syscall(libc::SYS_pidfd_getfd, process, 0, 0))
            }
            "compare_kernel_objects" => answered(syscall(libc::SYS_kcmp, libc::getpid(), libc::getpid(), 1, 0, 0)),
            "load_a_kernel_program" => reached(syscall(libc::SYS_bpf, 5, null_mut::<u8>(), 0)),
            "count_kernel_events" => {
                let mut event = [0_u32; EVENT_SIZE as usize / 4];
                (event[0], event[1]) = (SOFTWARE, EVENT_SIZE);
                reached(syscall(libc::SYS_perf_event_open, event.as_ptr(), 0, -1, -1, 0))
            }
            "handle_page_faults" => answered(syscall(libc::SYS_userfaultfd, 1)),
            "ring_of_calls" => reached(syscall(libc::SYS_io_uring_setup, 1, [0_u64; 15].as_mut_ptr())),
            "add_a_key" => answered(syscall(libc::SYS_add_key, c"user".as_ptr(), c"x".as_ptr(), c"y".as_ptr(), 1, -2)),
            "open_by_handle" => reached(syscall(libc::SYS_open_by_handle_at, 0, null_mut::<u8>(), 0)),
            "load_a_module" => reached(syscall(libc::SYS_finit_module, -1, c"".as_ptr(), 0)),
            "load_a_kernel" => reached(syscall(libc::SYS_kexec_file_load, -1, -1, 0, c"".as_ptr(), 0)),
            "watch_a_file_system" => reached(syscall(libc::SYS_fanotify_init, 0, 0)),
            "netlink_beyond_routes" => answered(libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC)),
            "socket_to_the_hypervisor" => match libc::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0) {
                -1 if !std::path::Path::new("/proc/net/vsock").exists() && is_unfiltered() => {
                    Outcome::NotHere("no such sockets in this kernel".into())
                }
                answer => answered(answer),
            },
            "fixed_addresses" => answered(libc::personality(0x4_0000)),
            "type_into_a_terminal" => type_into_a_terminal(),
            "call_in_32_bits" => call_in_32_bits(),
            "read_the_kernels_log" => match libc::klogctl(10, null_mut(), 0) {
                -1 if is_unfiltered() => Outcome::NotHere("only root may read it here".into()),
                answer => answered(answer),
            },
            _ => return None,
        }
    };
    Some(outcome)
}

/// A plain clone, with the flag that makes a user namespace.
fn child_in_a_user_namespace() -> Outcome {
    // SAFETY: like a fork: no stack is given, and the child exits at once.
    let child = unsafe { syscall(libc::SYS_clone, USER | c_long::from(libc::SIGCHLD), 0, 0, 0, 0) };
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    let outcome = answered(child);
    // SAFETY: waits for the child, if there is one.
    unsafe { libc::waitpid(-1, null_mut(), 0) };
    outcome
}

fn read_memory() -> Outcome {
    let (secret, mut copy) = ([7_u8; 4], [0_u8; 4]);
    let there = libc::iovec { iov_base: secret.as_ptr().cast_mut().cast(), iov_len: secret.len() };
    let here = libc::iovec { iov_base: copy.as_mut_ptr().cast(), iov_len: copy.len() };
    // SAFETY: both point to memory of this function, of the size they say.
    answered(unsafe { libc::process_vm_readv(libc::getpid(), &raw const here, 1, &raw const there, 1, 0) as i64 })
}

/// Types a letter into a terminal of its own, which is how others get commands typed into the operator's.
fn type_into_a_terminal() -> Outcome {
    // SAFETY: opens a terminal in a child, whose name fits; every pointer is to memory of this function.
    all_in_a_child(&[&|| unsafe {
        libc::setsid();
        let both = libc::open(c"/dev/ptmx".as_ptr(), libc::O_RDWR | libc::O_NOCTTY);
        let (unlock, letter) = (0_i32, b'x');
        if both < 0 || libc::ioctl(both, libc::TIOCSPTLCK, &raw const unlock) != 0 {
            return -1;
        }
        let terminal = libc::ioctl(both, libc::TIOCGPTPEER, libc::O_RDWR);
        if terminal < 0 || libc::ioctl(terminal, libc::TIOCSCTTY, 0) != 0 {
            return -1;
        }
        libc::ioctl(terminal, libc::TIOCSTI, &raw const letter).into()
    }])
}

/// Asks for its number by the entry for programs of 32 bits, where numbers mean other calls.
#[cfg(target_arch = "x86_64")]
fn call_in_32_bits() -> Outcome {
    const GETPID: u32 = 20;
    let end = in_a_child(|| {
        let answer: u64;
        // SAFETY: a call without arguments; the kernel may change what is named as lost.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") u64::from(GETPID) => answer,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _);
        }
        i32::from(answer == 0)
    });
    match end {
        ChildEnd::Code(0) => crate::outcome::done("the kernel answered"),
        ChildEnd::Signal { number: libc::SIGSEGV, .. } => Outcome::NotHere("no such entry in this kernel".into()),
        ChildEnd::Code(code) => held(format!("code {code}")),
        ChildEnd::Signal { number, .. } => held(format!("signal {number}")),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn call_in_32_bits() -> Outcome {
    let _ = (in_a_child(|| 0), held(""));
    Outcome::NotHere("not tried on this processor".into())
}
