//! The server's part: this program, run in the sandbox, makes one attempt and says what came of it.
#![allow(unsafe_code)]

mod files;
mod kernel;
mod limits;
mod neighbours;

use crate::outcome::Outcome;
use std::io::{Error, Write};

#[test]
#[ignore = "run inside a sandbox by the other tests"]
fn attempt() {
    let name = fact("ATTEMPT");
    let tried = kernel::attempt(&name)
        .or_else(|| files::attempt(&name))
        .or_else(|| neighbours::attempt(&name))
        .or_else(|| limits::attempt(&name));
    let outcome = tried.unwrap_or_else(|| panic!("no such attempt: {name}"));
    writeln!(std::io::stdout(), "outcome: {outcome}").unwrap();
}

/// What the host told the server.
fn fact(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// How a child ended.
enum ChildEnd {
    Code(i32),
    Signal { number: i32, dumped: bool },
}

/// Runs `part` in a child of its own; what it returns is the exit code. It makes only system calls, since other threads of this
/// program may hold locks.
fn in_a_child(part: impl FnOnce() -> i32) -> ChildEnd {
    let mut status = 0;
    // SAFETY: the child makes only system calls and exits; the parent waits for it.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "{}", Error::last_os_error());
        if child == 0 {
            libc::_exit(part());
        }
        libc::waitpid(child, &raw mut status, 0);
    }
    if libc::WIFSIGNALED(status) {
        ChildEnd::Signal { number: libc::WTERMSIG(status), dumped: libc::WCOREDUMP(status) }
    } else {
        ChildEnd::Code(libc::WEXITSTATUS(status))
    }
}

/// Makes calls in a child, each of which gives a negative number if it failed. The child's exit code is the error's number.
fn all_in_a_child(calls: &[&dyn Fn() -> i64]) -> Outcome {
    let end = in_a_child(|| {
        for call in calls {
            if call() < 0 {
                return Error::last_os_error().raw_os_error().unwrap_or(255);
            }
        }
        0
    });
    match end {
        ChildEnd::Code(0) => crate::outcome::done("the kernel did all of it"),
        ChildEnd::Code(errno) => crate::outcome::held(Error::from_raw_os_error(errno)),
        ChildEnd::Signal { number, .. } => crate::outcome::held(format!("signal {number}")),
    }
}
