//! Which calls a server does without, by number.
#![allow(clippy::indexing_slicing)] // in constants: an index that is out of bounds does not compile

use libc::c_long;

/// `AUDIT_ARCH_…` of this processor; 0 where no filter is written.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const ARCHITECTURE: u32 = 0;

/// The last call that is decided on here: `file_setattr` (Linux 6.17). The x32 numbers of x86-64 lie above it too.
pub(super) const LAST_KNOWN: u32 = 469;

/// Numbers below that are nobody's yet. On x86-64, 335 and 336 are how the kernel's own probes come back.
#[cfg(target_arch = "x86_64")]
pub(super) const UNASSIGNED: (u32, u32) = (337, 423);
#[cfg(not(target_arch = "x86_64"))]
pub(super) const UNASSIGNED: (u32, u32) = (295, 423);

/// `setrlimit`, which the C library's table lacks for some processors.
pub(super) const SETRLIMIT: u32 = if cfg!(target_arch = "x86_64") { 160 } else { 164 };

/// Calls of Linux 6.15, which the C library's table may lack. From 424 on, numbers are the same on all processors.
const OPEN_TREE_ATTR: c_long = 467;

/// Calls that do not exist inside (`ENOSYS`): parts of the kernel that no server needs and that had more than their share of
/// holes. Programs that try them do without, as they would on a kernel built without them.
const ABSENT: [c_long; 37] = [
    // Rings of calls that no filter sees, and memory faults handled by programs, which exploits of the kernel are timed with.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    // Programs in the kernel, and its counters.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    // Keyrings, which no namespace keeps apart.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Files by handle, past every directory on the way; watching whole file systems.
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // Other processes: their memory, descriptors and kernel objects.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Where memory lies among the nodes of a machine. Libraries take the answer for a machine with one node.
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_set_mempolicy_home_node,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Another kernel, or parts of one; swap, accounting and quotas of the host; what is left of old times.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // Its flags hide namespaces in memory, where no filter sees them; C libraries fall back to `clone`, whose flags are looked at.
    libc::SYS_clone3,
];

/// The same, of x86-64 only: segments of 16 bits, ports, and remains.
#[cfg(target_arch = "x86_64")]
const ABSENT_HERE: [c_long; 7] = [
    libc::SYS_modify_ldt,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ABSENT_HERE: [c_long; 0] = [];

/// Calls that are refused (`EPERM`), as the kernel refuses them to whoever is not root: programs are ready for that.
const FORBIDDEN: [c_long; 23] = [
    // Mounts and roots. A user namespace would make these anybody's.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    // Namespaces of others.
    libc::SYS_setns,
    // The machine: its names, clocks, log, power and terminals.
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_syslog,
    libc::SYS_reboot,
    libc::SYS_vhangup,
    // Labels of security modules.
    LSM_SET_SELF_ATTR,
];

const LSM_SET_SELF_ATTR: c_long = 460;

/// What does not exist inside, in ascending order.
pub(super) const ABSENT_CALLS: [u32; ABSENT.len() + ABSENT_HERE.len()] = ascending(&ABSENT, &ABSENT_HERE);

/// What is refused inside, in ascending order.
pub(super) const FORBIDDEN_CALLS: [u32; FORBIDDEN.len()] = ascending(&FORBIDDEN, &[]);

/// What init calls once it only watches, in ascending order.
pub(super) const INITS_CALLS: [u32; 26] = ascending(
    &[
        // The link, the pipes and the signals.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_sendmsg,
        libc::SYS_ppoll,
        libc::SYS_accept4,
        // What the runtime is connected to; of `socket`, the arguments decide.
        libc::SYS_connect,
        // What is carried for a server in a machine, and for commands beside it.
        libc::SYS_shutdown,
        libc::SYS_socketpair,
        libc::SYS_getsockopt,
        // Its children, and the time.
        libc::SYS_wait4,
        libc::SYS_kill,
        libc::SYS_getrusage,
        libc::SYS_clock_gettime,
        // Memory, and what is needed to end.
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ],
    &[],
);

/// What finding and killing the processes of a further command takes beside that, in ascending order.
pub(super) const EXECS_CALLS: [u32; 5] = ascending(
    &[
        libc::SYS_openat,
        libc::SYS_getdents64,
        libc::SYS_pidfd_send_signal,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
    ],
    &[],
);

/// Both lists as one, in ascending order.
const fn ascending<const N: usize>(one: &[c_long], other: &[c_long]) -> [u32; N] {
    let mut all = [0_u32; N];
    let mut count = 0;
    while count < N {
        let number = if count < one.len() { one[count] } else { other[count - one.len()] } as u32;
        let mut at = count;
        while at > 0 && all[at - 1] > number {
            all[at] = all[at - 1];
            at -= 1;
        }
        all[at] = number;
        count += 1;
    }
    all
}
