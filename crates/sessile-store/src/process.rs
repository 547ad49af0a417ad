//! Processes by a name that no other one ever has: number, start, and boot of the host.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::sync::OnceLock;

/// A process of this host, alive or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    /// When it started, in ticks after boot (`proc_pid_stat(5)`, field 22).
    started: u64,
    /// Which boot of the host that was (`/proc/sys/kernel/random/boot_id`).
    boot: String,
}

impl Process {
    /// The process of this number, if there is one. One that waits to be reaped has ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything, parentheses too; the state follows the last one.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let is_over = matches!(fields.next()?, "Z" | "X");
        let started = fields.nth(18)?.parse().ok()?;
        (!is_over).then(|| Self { pid, started, boot: boot() })
    }

    /// This process.
    #[must_use]
    pub fn own() -> &'static Self {
        static OWN: OnceLock<Process> = OnceLock::new();
        OWN.get_or_init(|| {
            let pid = std::process::id();
            Self::of(pid).unwrap_or_else(|| Self { pid, started: 0, boot: boot() })
        })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|found| found == *self)
    }
}

/// Three words: number, start, boot.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pid, self.started, self.boot)
    }
}

/// What is no name of a process.
#[derive(Debug, PartialEq, Eq)]
pub struct NoProcess;

impl FromStr for Process {
    type Err = NoProcess;

    fn from_str(text: &str) -> Result<Self, NoProcess> {
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().ok_or(NoProcess);
        let (pid, started) = (word()?.parse().map_err(|_| NoProcess)?, word()?.parse().map_err(|_| NoProcess)?);
        Ok(Self { pid, started, boot: word()?.to_owned() })
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_waits_to_be_reaped_has_ended() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let gone = || Process::of(child.id()).is_none();
        assert!((0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            gone()
        }));
        child.wait().unwrap();
    }

    #[test]
    fn this_process_lives_and_others_of_its_number_do_not() {
        assert!(Process::own().is_alive());
        assert_eq!(Process::own().to_string().parse(), Ok(Process::own().clone()));
        assert!(!Process { started: Process::own().started + 1, ..Process::own().clone() }.is_alive());
        assert!(!Process { boot: "another".to_owned(), ..Process::own().clone() }.is_alive());
        assert_eq!("7 8".parse::<Process>(), Err(NoProcess));
    }
}
