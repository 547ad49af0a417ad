//! Processes by a name that no other one ever has: number, start, and boot of the host.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::sync::OnceLock;

/// A process of this host, alive or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pid: u32,
    /// When it started, in ticks after boot (`proc_pid_stat(5)`, field 22).
    started: u64,
    /// Which boot of the host that was (`/proc/sys/kernel/random/boot_id`).
    boot: String,
}

/// This process.
pub(crate) fn own() -> &'static Process {
    static OWN: OnceLock<Process> = OnceLock::new();
    OWN.get_or_init(|| {
        let pid = std::process::id();
        Process { pid, started: started(pid).unwrap_or(0), boot: boot() }
    })
}

impl Process {
    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.boot == boot() && started(self.pid) == Some(self.started)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pid, self.started, self.boot)
    }
}

/// What is no name of a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoProcess;

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

fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, parentheses too; the numbers follow the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_others_of_its_number_do_not() {
        assert!(own().is_alive());
        assert_eq!(own().to_string().parse(), Ok(own().clone()));
        assert!(!Process { started: own().started + 1, ..own().clone() }.is_alive());
        assert!(!Process { boot: "another".to_owned(), ..own().clone() }.is_alive());
        assert_eq!("7 8".parse::<Process>(), Err(NoProcess));
    }
}
