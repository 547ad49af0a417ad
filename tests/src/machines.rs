//! What tests of virtual machines need. The guest's kernel is installed by `scripts/microvm-kernel`.

use crate::binaries;
use crate::home::Home;
use crate::node::{Node, Start, table, words};
use crate::procfs;
use std::fs;
use std::path::PathBuf;

/// The environment variable that names the guest's kernel.
pub const KERNEL: &str = "SESSILE_MICROVM_KERNEL";

/// The guest's kernel, for [`KERNEL`].
///
/// # Panics
/// When it has not been installed.
pub fn kernel() -> String {
    let kernel: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "target/tools/microvm"].iter().collect();
    let kernel = kernel.canonicalize().expect("scripts/microvm-kernel has been run");
    kernel.to_str().expect("a path in UTF-8").to_owned()
}

/// The command lines of the monitors of a node's sessions, and of what is warm. (There may be one more, of a template in the making.)
pub fn monitors(node: &Node) -> Vec<String> {
    let lines = procfs::descendants(node.pid()).into_iter().map(|process| procfs::command_line(process.pid));
    lines.filter(|line| line.contains("guest=s-") && !line.contains("sessile-porter")).collect()
}

/// A node that can have machines. What carries them is the same for all tests: one that does not think so finds out itself.
pub fn serve(home: Home, manifest: &str) -> Node {
    let (known, own) = (binaries::scratch().join("microvm-trial.json"), home.state().join("microvm/trial.json"));
    fs::create_dir_all(home.state().join("microvm")).expect("a directory can be made");
    let _ = fs::copy(&known, &own);
    let node = Start::serve(home, "sessile.toml", manifest).env(KERNEL, &kernel()).start();
    // Another test may do the same at this moment.
    let beside = known.with_extension(std::process::id().to_string());
    if fs::copy(&own, &beside).is_ok() {
        let _ = fs::rename(&beside, known);
    }
    node
}

/// A node that serves a fixture as `it`, in machines of 128 MiB, with further limits and keys of `[node]`, one a line.
pub fn start(home: Home, fixture: &str, limits: &str, node: &str) -> Node {
    let limits = format!("[servers.it.limits]\nmemory = \"128MiB\"\nstart_timeout = \"2m\"\n{limits}");
    let command = words(&home.fixture(fixture), &[]);
    let manifest =
        format!("[node]\n{node}\n\n{}", table("it", &command, &format!("isolation = \"microvm\"\n\n{limits}")));
    serve(home, &manifest)
}

/// How many machines run for the session of this name, whoever started them.
pub fn monitors_of(name: &str) -> usize {
    let mark = format!("guest={name},");
    let lines = procfs::processes().into_iter().map(|process| procfs::command_line(process.pid));
    lines.filter(|line| line.contains(&mark) && !line.contains("sessile-porter")).count()
}
