//! Killing a command with all that it started and that did not leave its terminal session: the jobs of a shell are process groups of
//! their own.

use crate::clock;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::time::Duration;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;
use rustix::process::{Signal, kill_process_group, pidfd_send_signal};

/// How often what is left is looked for once the command itself is gone.
const PASSES: u32 = 50;

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Kills the command, `pid` as seen from here and `session` inside, and everything in its session.
pub(crate) fn kill(pid: i32, session: i32) {
    if let Ok(leader) = crate::confine::process(pid) {
        let _ = kill_process_group(leader, Signal::KILL);
    }
    let _ = kill_members(session);
}

/// Kills what is left of the session until nothing is. What outruns this dies with the sandbox.
pub(crate) fn kill_rest(session: i32) {
    for _ in 0..PASSES {
        if kill_members(session).is_none_or(|found| found == 0) {
            return;
        }
        clock::sleep(PAUSE);
    }
}

/// Kills every process of the session that can be seen, and counts them. `None` if nothing can be seen at all.
fn kill_members(session: i32) -> Option<u32> {
    let proc = open(CWD, c"/proc").ok()?;
    let mut space = [const { MaybeUninit::uninit() }; 2048];
    let mut entries = RawDir::new(&proc, &mut space);
    let mut found = 0;
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if name.to_bytes().first().is_some_and(u8::is_ascii_digit)
            && let Ok(process) = open(&proc, name)
            && session_of(&process) == Some(session)
        {
            // The directory stands for this one process, whatever becomes of its number.
            let _ = pidfd_send_signal(&process, Signal::KILL);
            found += 1;
        }
    }
    Some(found)
}

fn open(at: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

/// The session of a process that has not ended.
fn session_of(process: &OwnedFd) -> Option<i32> {
    let file = openat(process, c"stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = [0; 512];
    let count = rustix::io::read(&file, &mut text).ok()?;
    session_in(text.get(..count)?)
}

/// The session in a line of `/proc/PID/stat` (`proc(5)`): `pid (name) state parent group session …`. The name may hold anything.
fn session_in(stat: &[u8]) -> Option<i32> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let mut words = stat.get(end_of_name + 1..)?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if matches!(words.next()?, b"Z" | b"X") {
        return None;
    }
    core::str::from_utf8(words.nth(2)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::session_in;

    #[test]
    fn the_session_stands_after_a_name_that_may_hold_anything() {
        assert_eq!(session_in(b"12 (sh) S 1 12 7 0 -1 4194560"), Some(7));
        assert_eq!(session_in(b"12 (a) R 1 1 1 (b)) S 1 12 7 0"), Some(7));
    }

    #[test]
    fn what_has_ended_is_in_no_session() {
        assert_eq!(session_in(b"12 (sh) Z 1 12 7 0"), None);
        assert_eq!(session_in(b"12 (sh) X 1 12 7 0"), None);
    }

    #[test]
    fn what_is_no_such_line_names_none() {
        for line in [&b""[..], b"12", b"12 (sh", b"12 (sh)", b"12 (sh) S 1 2", b"12 (sh) S 1 2 x"] {
            assert_eq!(session_in(line), None, "{line:?}");
        }
    }
}
