//! What tests of virtual machines need. The guest's kernel is installed by `scripts/microvm-kernel`.

use crate::{Node, procfs};
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
