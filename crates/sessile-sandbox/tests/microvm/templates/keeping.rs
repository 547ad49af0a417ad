//! A template is memory of the node: one for each kind, and none once its driver is gone.

use super::Copies;
use crate::support::{driver, eventually, leaks, machine, monitors, start};
use sessile_sandbox::SandboxSpec;
use std::fs;
use std::time::Duration;

/// A machine of so many MiB, which no other test's has.
fn kind(size: u64) -> SandboxSpec {
    let mut spec = machine("while :; do read line; done");
    spec.limits.memory = Some(size << 20);
    spec
}

/// The templates' memory that this process holds, of so many MiB.
fn held(size: u64) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let is_template = |path: &std::path::PathBuf| {
        fs::read_link(path).is_ok_and(|name| name.to_string_lossy().contains("memfd:sessile-template"))
            && fs::metadata(path).is_ok_and(|known| known.len() == size << 20)
    };
    descriptors.map(|entry| entry.path()).filter(is_template).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_of_a_kind_and_none_without_its_driver() {
    assert_eq!(held(216), 0);
    let copies = Copies(driver().await);
    let mut sandboxes = Vec::new();
    for _ in 0..4 {
        sandboxes.push(start(&copies, kind(216)).await);
    }
    assert_eq!(held(216), 1);
    for sandbox in sandboxes {
        sandbox.kill();
        sandbox.ended().await;
    }
    assert_eq!(held(216), 1);
    drop(copies);
    assert!(eventually(Duration::from_secs(20), || held(216) == 0), "{} templates are left", held(216));
    assert!(leaks::processes_with("size=216M,mem-path").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_outlive_their_template_and_cannot_write_to_it() {
    let copies = Copies(driver().await);
    let spec = kind(220);
    let id = spec.id.to_string();
    let copy = start(&copies, spec).await;
    drop(copies);
    let monitor = monitors(&id)[0];
    let maps = fs::read_to_string(format!("/proc/{monitor}/maps")).unwrap();
    let memory: Vec<_> = maps.lines().filter(|line| line.contains("memfd:sessile-template")).collect();
    assert!(!memory.is_empty() && memory.iter().all(|line| line.contains(" rw-p ")), "{memory:?}");
    // Even whoever has the file open for writing cannot.
    let file = fs::OpenOptions::new().write(true).open(format!("/proc/{monitor}/fd/4")).unwrap();
    let written = rustix::io::pwrite(&file, b"x", 0);
    assert_eq!(written, Err(rustix::io::Errno::PERM));
    let seals = rustix::fs::fcntl_get_seals(&file).unwrap();
    assert!(seals.contains(rustix::fs::SealFlags::WRITE | rustix::fs::SealFlags::SEAL));
    drop(copy);
}
