//! The filters, run by a machine of our own: what the kernel would answer to each call.

use super::assemble::{AND, Assembly, Instruction, JUMP_IF_ANY_BIT, JUMP_IF_EQUAL, JUMP_IF_GREATER, LOAD, RETURN};
use super::calls::{ABSENT_CALLS, ARCHITECTURE, EXECS_CALLS, FORBIDDEN_CALLS, INITS_CALLS, LAST_KNOWN, SETRLIMIT};
use super::{exec, init, server};
use libc::{EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT, c_long};

#[derive(Debug, PartialEq)]
enum Answered {
    Allowed,
    Failed(i32),
    Killed,
}
use Answered::{Allowed, Failed, Killed};

/// One call, as `struct seccomp_data` lays it out.
struct Call {
    number: u32,
    architecture: u32,
    arguments: [u64; 6],
}

impl Call {
    fn word(&self, at: u32) -> u32 {
        match at {
            0 => self.number,
            4 => self.architecture,
            16.. => {
                let argument = self.arguments[usize::try_from((at - 16) / 8).unwrap()];
                if at.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
            _ => panic!("no filter here looks at {at}"),
        }
    }
}

fn run(code: &[Instruction], call: &Call) -> Answered {
    let (mut at, mut word) = (0, 0);
    loop {
        let it = code[at];
        let jump = |taken| usize::from(if taken { it.jump_true } else { it.jump_false });
        at += 1 + match it.code {
            LOAD => {
                word = call.word(it.value);
                0
            }
            AND => {
                word &= it.value;
                0
            }
            JUMP_IF_EQUAL => jump(word == it.value),
            JUMP_IF_GREATER => jump(word > it.value),
            JUMP_IF_ANY_BIT => jump(word & it.value != 0),
            RETURN => {
                return match it.value & 0xffff_0000 {
                    0x7fff_0000 => Allowed,
                    0x0005_0000 => Failed((it.value & 0xffff) as i32),
                    0x8000_0000 => Killed,
                    other => panic!("{other:#x}"),
                };
            }
            other => panic!("no such instruction: {other:#x}"),
        };
    }
}

fn answer(filter: &'static Assembly, number: c_long, arguments: &[u64]) -> Answered {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let call = Call { number: u32::try_from(number).unwrap(), architecture: ARCHITECTURE, arguments: all };
    run(filter.instructions(), &call)
}

fn server(number: c_long, arguments: &[u64]) -> Answered {
    answer(&server::FILTER, number, arguments)
}

#[test]
fn each_listed_call_and_no_other_is_refused() {
    for number in 0..=LAST_KNOWN {
        let expected = if ABSENT_CALLS.contains(&number) {
            Failed(ENOSYS)
        } else if FORBIDDEN_CALLS.contains(&number) {
            Failed(EPERM)
        } else {
            continue;
        };
        assert_eq!(server(number.into(), &[]), expected, "{number}");
    }
    for allowed in [
        libc::SYS_read,
        libc::SYS_execve,
        libc::SYS_futex,
        libc::SYS_mmap,
        libc::SYS_openat,
        libc::SYS_statx,
        libc::SYS_memfd_create,
        libc::SYS_rseq,
        libc::SYS_getrandom,
        libc::SYS_landlock_create_ruleset,
        libc::SYS_seccomp,
        libc::SYS_prctl,
        libc::SYS_socketpair,
        libc::SYS_epoll_pwait2,
        libc::SYS_close_range,
        libc::SYS_faccessat2,
        libc::SYS_sched_setaffinity,
        libc::SYS_inotify_add_watch,
        libc::SYS_pidfd_open,
        libc::SYS_membarrier,
    ] {
        assert_eq!(server(allowed, &[]), Allowed, "{allowed}");
    }
}

#[test]
fn calls_of_newer_kernels_and_of_other_architectures_are_none() {
    let x32 = 0x4000_0000;
    let lost = u32::MAX; // -1: what a tracer turns a call into
    for number in [LAST_KNOWN + 1, 400, 1000, x32 | 1, x32 | 101, lost] {
        assert_eq!(server(number.into(), &[]), Failed(ENOSYS), "{number}");
    }
    for architecture in [0x4000_0003, 0x4000_0028, 0] {
        let call = Call { number: 1, architecture, arguments: [0; 6] };
        for filter in [&server::FILTER, &init::FILTER] {
            assert_eq!(run(filter.instructions(), &call), Killed, "{architecture:#x}");
        }
    }
}

#[test]
fn processes_and_threads_yes_namespaces_no() {
    let thread = 0x003d_0f00;
    assert_eq!(server(libc::SYS_clone, &[thread]), Allowed);
    assert_eq!(server(libc::SYS_clone, &[0x11]), Allowed);
    assert_eq!(server(libc::SYS_unshare, &[0x400]), Allowed);
    for bit in [0x2_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        // The kernel takes the lower half only, and so must whoever looks.
        for flags in [bit | 0x11, bit | thread, bit | 0xdead_0000_0000_0000] {
            assert_eq!(server(libc::SYS_clone, &[flags]), Failed(EPERM), "{flags:#x}");
            assert_eq!(server(libc::SYS_unshare, &[flags]), Failed(EPERM), "{flags:#x}");
        }
    }
    assert_eq!(server(libc::SYS_unshare, &[0x80]), Failed(EPERM));
    assert_eq!(server(libc::SYS_clone3, &[]), Failed(ENOSYS));
}

#[test]
fn sockets_are_of_few_families_and_never_raw() {
    let socket = |family: u64, kind: u64, protocol: u64| server(libc::SYS_socket, &[family, kind, protocol]);
    let flags = 0o2_004_000; // close-on-exec, non-blocking
    for kind in [1, 2, 3, 5] {
        assert_eq!(socket(1, kind | flags, 0), Allowed);
    }
    for family in [2, 10] {
        for (kind, protocol) in [(1, 0), (1, 6), (2, 0), (2, 17), (2, 1), (2, 58)] {
            assert_eq!(socket(family, kind | flags, protocol), Allowed, "{family} {kind} {protocol}");
        }
        for kind in [3, 4, 5, 6, 10] {
            assert_eq!(socket(family, kind | flags, 0), Failed(EPERM), "{family} {kind}");
        }
        for protocol in [132, 136, 262, 255] {
            assert_eq!(socket(family, 1, protocol), Failed(EPROTONOSUPPORT), "{family} {protocol}");
        }
    }
    assert_eq!(socket(16, 3 | flags, 0), Allowed);
    for protocol in [4, 6, 9, 12, 15, 16] {
        assert_eq!(socket(16, 3, protocol), Failed(EPROTONOSUPPORT), "{protocol}");
    }
    for family in [0, 3, 4, 5, 9, 15, 17, 21, 29, 30, 31, 33, 38, 40, 41, 43, 44, 45] {
        assert_eq!(socket(family, 2, 0), Failed(EAFNOSUPPORT), "{family}");
    }
}

#[test]
fn the_other_calls_whose_arguments_decide() {
    for request in [0x5412, 0x541c, 0x5423, 0xffff_ffff_0000_5412] {
        assert_eq!(server(libc::SYS_ioctl, &[0, request]), Failed(EPERM));
    }
    for request in [0x5401, 0x5413, 0x5421, 0x8912] {
        assert_eq!(server(libc::SYS_ioctl, &[0, request]), Allowed);
    }
    for plain in [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff] {
        assert_eq!(server(libc::SYS_personality, &[plain]), Allowed);
    }
    for odd in [0x4_0000, 0x40_0000, 0x10_0000] {
        assert_eq!(server(libc::SYS_personality, &[odd]), Failed(EPERM));
    }
    let core = 4;
    assert_eq!(server(SETRLIMIT.into(), &[core, 1]), Failed(0));
    assert_eq!(server(SETRLIMIT.into(), &[7, 1]), Allowed);
    assert_eq!(server(libc::SYS_prlimit64, &[0, core, 0x1000, 0]), Failed(0));
    assert_eq!(server(libc::SYS_prlimit64, &[0, core, 1 << 32, 0]), Failed(0));
    assert_eq!(server(libc::SYS_prlimit64, &[0, core, 0, 0x1000]), Allowed, "asking is free");
    assert_eq!(server(libc::SYS_prlimit64, &[0, 7, 0x1000, 0]), Allowed);
}

#[test]
fn init_can_watch_and_nothing_else() {
    for number in 0..=LAST_KNOWN + 100 {
        let expected = if INITS_CALLS.contains(&number) { Allowed } else { Failed(ENOSYS) };
        assert_eq!(answer(&init::FILTER, number.into(), &[]), expected, "{number}");
    }
}

#[test]
fn init_makes_streams_of_tcp_and_no_other_socket() {
    let socket =
        |family: u64, kind: u64, protocol: u64| answer(&init::FILTER, libc::SYS_socket, &[family, kind, protocol]);
    let flags = 0o2_004_000; // close-on-exec, non-blocking
    for family in 0..=46 {
        for kind in 0..=10 {
            let expected = if matches!((family, kind), (2 | 10, 1)) { Allowed } else { Failed(ENOSYS) };
            assert_eq!(socket(family, kind | flags, 0), expected, "{family} {kind}");
            assert_eq!(socket(family, kind, 0), Failed(ENOSYS), "{family} {kind} would block");
            assert_eq!(socket(family, kind | flags, 132), Failed(ENOSYS), "{family} {kind}");
        }
    }
}

#[test]
fn what_watches_over_a_command_can_find_its_processes_as_well() {
    for number in 0..=LAST_KNOWN + 100 {
        let known = INITS_CALLS.contains(&number) || EXECS_CALLS.contains(&number);
        let expected = if known { Allowed } else { Failed(ENOSYS) };
        assert_eq!(answer(&exec::FILTER, number.into(), &[]), expected, "{number}");
    }
}

#[test]
fn what_watches_over_a_command_asks_a_terminal_for_its_size_alone() {
    let ioctl = |request: u64| answer(&exec::FILTER, libc::SYS_ioctl, &[5, request, 0x1000]);
    assert_eq!(ioctl(0x5414), Allowed);
    for request in [0x5401, 0x5412, 0x5413, 0x540e, 0x4008_5203] {
        assert_eq!(ioctl(request), Failed(ENOSYS), "{request:#x}");
    }
}
