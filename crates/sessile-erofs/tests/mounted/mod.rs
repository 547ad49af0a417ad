//! What an image holds, asked of programs that are not ours: the kernel (as root), and `fsck.erofs` (erofs-utils).
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A line per file, by its path: type, mode, owner, group, seconds, links, bytes, target.
pub type Listing = BTreeMap<Vec<u8>, String>;

const FIND: &str = r"find . -mindepth 1 -printf '%P\t%y %m %U %G %T@ %n %s %l\0'";

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs a script in the mounted image. The mount is in a namespace of the script's own and goes with it.
pub fn in_mounted(image: &Path, script: &str) -> Vec<u8> {
    let point = tempfile::tempdir().unwrap();
    let script = format!("mount -t erofs -o loop,ro \"$1\" \"$2\" && cd \"$2\" && {script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-euc", &script, "sh"]).arg(image).arg(point.path());
    run(&mut command).stdout
}

/// What the kernel sees in the image.
pub fn listing(image: &Path) -> Listing {
    parse(&in_mounted(image, FIND))
}

/// What is in a directory of this host.
pub fn listing_of(directory: &Path) -> Listing {
    parse(&run(Command::new("sh").args(["-euc", FIND]).current_dir(directory)).stdout)
}

fn parse(text: &[u8]) -> Listing {
    let lines = text.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t').unwrap();
            // Fractions of seconds are not kept.
            let rest = String::from_utf8_lossy(&line[tab + 1..]).replace(".0000000000", "");
            (line[..tab].to_vec(), rest)
        })
        .collect()
}

/// Takes the image apart with `fsck.erofs`, which checks every inode and the superblock on its way.
pub fn extract(image: &Path, into: &Path) {
    let mut command = Command::new("fsck.erofs");
    run(command.arg(format!("--extract={}", into.display())).arg("--overwrite").arg(image));
}
