//! A person at a terminal, for what asks one.

use crate::wait::{self, PATIENCE};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// A program with a terminal for its stdin and stderr; its stdout is a pipe.
#[derive(Debug)]
pub struct AtTerminal {
    child: Child,
    terminal: File,
    seen: String,
}

impl AtTerminal {
    /// Starts `command` there.
    pub fn start(mut command: Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal can be opened");
        let name = ptsname(&ours, Vec::new()).expect("a terminal has a name");
        let open = || -> OwnedFd {
            rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it can be opened")
        };
        let child = command.stdin(Stdio::from(open())).stderr(Stdio::from(open())).stdout(Stdio::piped()).spawn();
        // Read by polling, so that a program that never asks is noticed.
        rustix::io::ioctl_fionbio(&ours, true).expect("a terminal can be polled");
        Self { child: child.expect("it starts"), terminal: File::from(ours), seen: String::new() }
    }

    /// Waits until `text` stands on the terminal.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect(&mut self, text: &str) {
        let found = wait::blocking(PATIENCE, || {
            let mut piece = [0; 4096];
            match self.terminal.read(&mut piece) {
                Ok(read) => self.seen.push_str(&String::from_utf8_lossy(&piece[..read])),
                // EIO: the program has gone.
                Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(5) => {}
                Err(error) => panic!("the terminal: {error}"),
            }
            self.seen.contains(text).then_some(())
        });
        assert!(found.is_some(), "{text:?} did not come up:\n{}", self.seen);
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.terminal, "{line}").expect("a terminal takes a line");
    }

    /// Waits for the program's end, and returns its exit code and what it printed.
    ///
    /// # Panics
    /// When it goes on.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let status = wait::blocking(PATIENCE, || self.child.try_wait().expect("it is our child"));
        let status = status.unwrap_or_else(|| panic!("it goes on:\n{}", self.seen));
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().expect("stdout is a pipe");
        stdout.read_to_string(&mut printed).expect("it prints text");
        (status.code(), printed)
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        // Fails where it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
