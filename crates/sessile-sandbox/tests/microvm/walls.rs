//! The second wall: the machine monitor is a server of the process driver, and held as one.

use crate::support::{driver, machine, monitors, start};
use std::collections::BTreeSet;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_is_nobody_and_sees_nothing() {
    let driver = driver().await;
    let spec = machine("while :; do read line; done");
    let id = spec.id.to_string();
    let sandbox = start(&driver, spec).await;
    let monitor = monitors(&id)[0];

    let status = fs::read_to_string(format!("/proc/{monitor}/status")).unwrap();
    let of = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    for set in ["CapEff:", "CapPrm:", "CapBnd:", "CapInh:"] {
        assert_eq!(of(set).trim_start_matches('0'), "", "{set}");
    }
    assert_eq!((of("NoNewPrivs:").as_str(), of("Seccomp:").as_str()), ("1", "2"));
    let filters: u32 = of("Seccomp_filters:").parse().unwrap();
    assert!(filters >= 2, "the process driver's filter and QEMU's own: {filters}");
    assert!(!of("Uid:").split_whitespace().any(|user| user == "0"));

    for kind in ["user", "mnt", "net", "pid", "ipc", "uts"] {
        let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        assert_ne!(of(&monitor.to_string()), of("self"), "{kind}");
    }
    let interfaces = fs::read_to_string(format!("/proc/{monitor}/net/dev")).unwrap();
    assert_eq!(interfaces.lines().skip(2).count(), 1, "{interfaces}");

    // Another user's root can be looked at by the host's root alone.
    if rustix::process::geteuid().is_root() {
        let names = |path: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(format!("/proc/{monitor}/root{path}")).unwrap().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let top: Vec<_> = names("").into_iter().filter(|name| !matches!(name.as_str(), "lib" | "lib64")).collect();
        assert_eq!(top, ["dev", "etc", "proc", "usr", "vmm"]);
        assert_eq!(names("/vmm"), ["disk", "initramfs", "kernel", "qemu", "sessile-porter"].map(str::to_owned).into());
        let opened = fs::OpenOptions::new().write(true).open(format!("/proc/{monitor}/root/vmm/disk"));
        assert!(opened.is_err(), "the image is read-only");
    }
    drop(sandbox);
}
