//! A person at a terminal, for what asks one.

use crate::wait::{self, PATIENCE};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// A program with a terminal for its stdin and stderr; its stdout is a pipe, or the terminal too.
#[derive(Debug)]
pub struct AtTerminal {
    child: Child,
    terminal: File,
    /// The program's end, held so that its settings can be looked at afterwards.
    inside: OwnedFd,
    seen: String,
}

impl AtTerminal {
    /// Starts `command` there.
    pub fn start(command: Command) -> Self {
        Self::with_stdout(command, Some(Stdio::piped()))
    }

    /// Starts `command` there, with its stdout as well, and the terminal its own: keys and sizes become signals.
    pub fn start_in_full(command: &Command) -> Self {
        // Which becomes `command`, being no leader of anything.
        let mut own = Command::new("setsid");
        own.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        Self::with_stdout(own, None)
    }

    fn with_stdout(mut command: Command, stdout: Option<Stdio>) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal can be opened");
        let name = ptsname(&ours, Vec::new()).expect("a terminal has a name");
        let open = || -> OwnedFd {
            rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it can be opened")
        };
        let stdout = stdout.unwrap_or_else(|| Stdio::from(open()));
        let child = command.stdin(Stdio::from(open())).stderr(Stdio::from(open())).stdout(stdout).spawn();
        // Read by polling, so that a program that never asks is noticed.
        rustix::io::ioctl_fionbio(&ours, true).expect("a terminal can be polled");
        Self { child: child.expect("it starts"), terminal: File::from(ours), inside: open(), seen: String::new() }
    }

    /// Gives the terminal a size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.terminal, size).expect("a terminal has a size");
    }

    /// Whether lines are put together and shown by the terminal itself, as it does for whoever asks for nothing else.
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.inside).expect("a terminal has settings").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// The process that was started there.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types keys as they are.
    pub fn type_keys(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).expect("a terminal takes keys");
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
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut printed).expect("it prints text");
        }
        (status.code(), printed)
    }

    /// Waits for the program's end, with the terminal still there; its exit code.
    ///
    /// # Panics
    /// When it goes on.
    pub fn wait(&mut self) -> Option<i32> {
        let status = wait::blocking(PATIENCE, || self.child.try_wait().expect("it is our child"));
        status.unwrap_or_else(|| panic!("it goes on:\n{}", self.seen)).code()
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        // Fails where it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
