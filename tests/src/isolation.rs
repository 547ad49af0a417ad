//! The ways to isolate a session, for promises that hold in each of them.

use crate::binaries;
use crate::home::Home;
use crate::machines;
use crate::node::{Node, Start, table};

/// How sessions are isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Processes of the host's kernel.
    Process,
    /// Machines with a kernel of their own. Needs what `scripts/microvm-kernel` installs.
    Microvm,
}

impl Isolation {
    /// A node that serves a fixture as `it`, with keys of its table and limits as the manifest has them, one a line.
    pub fn node(self, fixture: &str, arguments: &[&str], keys: &str, limits: &str) -> Node {
        let home = Home::new();
        let fixture = home.fixture(fixture);
        let command: Vec<String> = [&*fixture].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
        self.start(home, &command, keys, limits)
    }

    /// The same for a command of `home`'s.
    pub fn start(self, home: Home, command: &[String], keys: &str, limits: &str) -> Node {
        let (isolation, own) = match self {
            Self::Process => ("process", "memory = \"192MiB\""),
            Self::Microvm => ("microvm", "memory = \"192MiB\"\nstart_timeout = \"2m\""),
        };
        let keys = format!("isolation = \"{isolation}\"\n{keys}\n\n[servers.it.limits]\n{own}\n{limits}");
        // A machine that is idle when its node stops is gone, and not written down.
        let manifest = table("it", command, &keys) + "[node]\nhibernation_disk = \"0GiB\"\n";
        match self {
            Self::Process => Start::serve(home, "sessile.toml", &manifest).start(),
            Self::Microvm => machines::serve(home, &manifest),
        }
    }

    /// Whether running out of memory is noticed as such; root sees to that on every host.
    pub fn notices_memory(self) -> bool {
        self == Self::Microvm || binaries::host_enforces("out_of_memory")
    }
}

/// Makes a test of each promise in each way: `async fn promise(isolation: Isolation)`.
#[macro_export]
macro_rules! in_each_isolation {
    ($($promise:ident),+ $(,)?) => {
        mod process {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise($crate::Isolation::Process).await;
            })+
        }
        mod microvm {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise($crate::Isolation::Microvm).await;
            })+
        }
    };
}
