//! `sessile-init`: the first process of every sandbox.
//!
//! It arrives as PID 1 in fresh namespaces with one descriptor, the [`link`]; takes one order; builds the file system
//! around itself ([`root`]); starts the server as an unprivileged user ([`server`]); gives up its own privileges
//! ([`privileges`]); and then only reaps, passes signals on, and reports the end ([`life`]). When it exits, the kernel
//! kills whatever is left in the sandbox. Under other names the same binary is the [`keeper`], which tidies up
//! after a runtime that was killed, what runs a further command beside a server ([`exec`]), the first process of a virtual
//! machine ([`guest`]), and what carries such a machine's streams on the host ([`porter`]).
//!
//! It is not a supervisor: it starts one server once. It holds no policy: every decision is in the order.
//! Start reading at [`life`].
//!
//! As it is shipped (profile `init`, which aborts on panic) it does without the standard library, which would double the memory of
//! every sandbox's first process; see [`floor`]. Other profiles, for checks and tests, use it: they unwind.
#![cfg_attr(not(test), no_main)]
#![cfg_attr(all(panic = "abort", not(test)), no_std)]
#![cfg_attr(test, allow(dead_code))] // the tests begin elsewhere than at `main`

extern crate alloc;

mod bequest;
mod carry;
mod cgroup_tree;
mod clock;
mod confine;
mod connect;
mod errno;
mod exec;
#[cfg(all(panic = "abort", not(test)))]
mod floor;
mod given;
mod guest;
mod held;
mod inherited;
mod keeper;
mod landlock;
mod lease;
mod life;
mod link;
mod memory;
mod mounts;
mod network;
mod porter;
mod privileges;
mod program;
mod rlimits;
mod root;
mod seccomp;
mod server;
mod signals;
mod userns;
mod watch;

/// The name (`argv[0]`) that makes this binary the keeper.
const KEEPER: &core::ffi::CStr = c"sessile-keeper";

/// The name that makes it the first process of a virtual machine: the kernel's, for what it finds in an initramfs.
const GUEST: &core::ffi::CStr = c"/init";

/// The name that makes it start a machine's monitor and carry its guest's streams: where the driver shows it in the monitor's sandbox.
const PORTER: &core::ffi::CStr = c"/vmm/sessile-porter";

/// The name that makes it run one command in a sandbox that runs already.
const EXEC: &core::ffi::CStr = c"sessile-exec";

/// Where the C library starts this program. Not Rust's `main`: what that sets up first (a guard for stack overflows, an
/// alternative signal stack, checks of the standard descriptors) is more than everything else in here, in size and in time.
///
/// # Safety
/// `arguments` points to `count` terminated strings.
// SAFETY: nothing else in this program is called `main`, and the signature is the C library's.
#[cfg(not(test))]
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
unsafe extern "C" fn main(count: libc::c_int, arguments: *const *const libc::c_char) -> libc::c_int {
    if count < 1 {
        return 1;
    }
    // SAFETY: there is at least one argument, and it is a terminated string.
    let name = unsafe { core::ffi::CStr::from_ptr(*arguments) };
    match name {
        name if name == KEEPER => keeper::run(),
        name if name == GUEST => guest::run(),
        name if name == EXEC => exec::run(),
        // SAFETY: as many arguments as are counted are terminated strings, and null comes after the last (`execve(2)`).
        name if name == PORTER => unsafe { porter::run(arguments) },
        _ => life::run(),
    }
}
