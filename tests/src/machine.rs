//! Nodes whose sessions run in virtual machines. They need what `scripts/microvm-kernel` installs.

use crate::home::Home;
use crate::node::{Node, Start, table, words};
use crate::procfs;
use std::path::PathBuf;

/// Where the guest's kernel is.
///
/// # Panics
/// When `scripts/microvm-kernel` has not been run.
pub fn kernel() -> String {
    let kernel: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "target/tools/microvm"].iter().collect();
    let kernel = kernel.canonicalize().expect("scripts/microvm-kernel has been run");
    kernel.to_str().expect("a path in UTF-8").to_owned()
}

/// A node that serves a fixture as `it`, in machines of 128 MiB, with further limits and keys of `[node]`, one a line.
pub fn start(home: Home, fixture: &str, limits: &str, node: &str) -> Node {
    let limits = format!("[servers.it.limits]\nmemory = \"128MiB\"\nstart_timeout = \"2m\"\n{limits}");
    let command = words(&home.fixture(fixture), &[]);
    let manifest =
        format!("[node]\n{node}\n\n{}", table("it", &command, &format!("isolation = \"microvm\"\n\n{limits}")));
    Start::serve(home, "sessile.toml", &manifest).env("SESSILE_MICROVM_KERNEL", &kernel()).start()
}

/// How many machines run for the session of this name, whoever started them.
pub fn monitors_of(name: &str) -> usize {
    let mark = format!("guest={name},");
    let lines = procfs::processes().into_iter().map(|process| procfs::command_line(process.pid));
    lines.filter(|line| line.contains(&mark) && !line.contains("sessile-porter")).count()
}
