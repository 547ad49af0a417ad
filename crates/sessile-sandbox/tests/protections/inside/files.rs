//! Attempts on files and `/proc`.

use super::{ChildEnd, fact, in_a_child};
use crate::outcome::{Outcome, done, got, held};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub(super) fn attempt(name: &str) -> Option<Outcome> {
    let shown = |name: &str| Path::new("/shown").join(name);
    Some(match name {
        "a_file_of_the_host" => a_file_of_the_host(),
        "write_to_the_root" => got(fs::create_dir("/made")),
        "write_to_what_is_shown" => got(fs::write(shown("file"), "of the server")),
        "use_a_device_that_is_shown" => got(File::open(shown("zero")).and_then(|mut zero| zero.read(&mut [0]))),
        "become_root_by_a_program" => {
            let ran = std::process::Command::new(shown("id")).arg("-u").output().unwrap();
            match String::from_utf8_lossy(&ran.stdout).trim() {
                "0" => done("user 0"),
                other => held(format!("user {other}")),
            }
        }
        "keep_a_capability_for_later" => capabilities(),
        "read_what_proc_tells_of_the_host" => match fs::read_to_string("/proc/cmdline") {
            Ok(text) if text.is_empty() => held("it is empty"),
            other => got(other),
        },
        "write_to_proc" => got(write_to("/proc/self/oom_score_adj", b"500")),
        // Opened and not written: this one is the host's.
        "write_to_sysctls" => got(OpenOptions::new().write(true).open("/proc/sys/kernel/core_pattern")),
        "write_over_a_mask" => got(write_to("/proc/cmdline", b"x")),
        "see_init" => got(fs::metadata("/proc/1").map(|_| ())),
        "dump_memory" => dump_memory(),
        _ => return None,
    })
}

fn write_to(path: &str, bytes: &[u8]) -> io::Result<usize> {
    OpenOptions::new().write(true).open(path)?.write(bytes)
}

/// A file of the host, by its name and by every way around that was ever found in such a place.
fn a_file_of_the_host() -> Outcome {
    let marker = format!("{}/marker", fact("HOST_PLACE"));
    let ways = ["", "/proc/self/root", "/proc/self/cwd/../../..", "/proc/1/root", "/proc/self/fd/0/../..", "/../../.."];
    let mut last = held("nothing was tried");
    for way in ways {
        last = got(fs::read_to_string(format!("{way}{marker}")));
        if matches!(last, Outcome::Done(_)) {
            break;
        }
    }
    last
}

/// Whether any set of capabilities holds anything.
fn capabilities() -> Outcome {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let sets: Vec<_> = status.lines().filter(|line| line.starts_with("Cap")).collect();
    assert_eq!(sets.len(), 5, "{status}");
    match sets.iter().find(|line| !line.ends_with("\t0000000000000000")) {
        Some(set) => done(set),
        None => held("every set is empty"),
    }
}

/// Crashes, after it tried to have its dump written.
fn dump_memory() -> Outcome {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit is only read; the child ends by its own hand.
    let end = in_a_child(|| unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const all);
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::abort()
    });
    match end {
        ChildEnd::Signal { dumped: true, .. } => done("it was written"),
        ChildEnd::Signal { number, .. } => held(format!("signal {number} without a dump")),
        ChildEnd::Code(code) => held(format!("code {code}")),
    }
}
