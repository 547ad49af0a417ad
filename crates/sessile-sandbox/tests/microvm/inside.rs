//! What a server finds inside: a kernel of its own, and the same confinement as everywhere.

use crate::support::{driver, machine, run};
use sessile_sandbox::{Driver, Exit, FileView};
use std::collections::HashSet;
use std::fs;

/// Prints files, with nothing but the shell.
const SHOW: &str = r#"show() { while IFS= read -r line; do echo "$1: $line"; done < "$1"; }; "#;

fn value<'a>(said: &'a str, key: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.split_once(key).map(|(_, rest)| rest.trim()));
    line.unwrap_or_else(|| panic!("no {key} in {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_has_its_own_kernel_and_no_power_over_it() {
    has_no_power(&driver().await).await;
}

pub(crate) async fn has_no_power(driver: &impl Driver) {
    let text = format!(
        "{SHOW} show /proc/self/status; show /proc/sys/kernel/osrelease; show /proc/net/dev; echo init: $PPID; \
         echo x > /etc/x; echo x > /x; echo 1 > /proc/sys/kernel/panic; [ -e /dev/vda ] && echo disk; [ -e /dev/vport0p1 ] && echo port; \
         [ -e /image ] && echo image; [ -e /sys/kernel ] && echo sysfs; kill -9 1; echo done"
    );
    let said = run(driver, machine(&text)).await;
    let out = &said.stdout;
    let here = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_ne!(value(out, "osrelease:"), here.trim());
    assert_eq!(value(out, "CapEff:").trim_start_matches('0'), "");
    assert_eq!(value(out, "CapBnd:").trim_start_matches('0'), "");
    assert_eq!((value(out, "NoNewPrivs:"), value(out, "Seccomp:")), ("1", "2"));
    assert_eq!(value(out, "Uid:").split_whitespace().next(), Some("1000"));
    let interfaces: Vec<_> =
        out.lines().filter(|line| line.starts_with("/proc/net/dev") && line.contains(": ")).collect();
    assert_eq!(interfaces.iter().filter(|line| line.matches(':').count() > 1).count(), 1, "{interfaces:?}");
    assert!(out.contains("lo:") && out.ends_with("done\n"), "{out}");
    for hidden in ["disk\n", "port\n", "image\n", "sysfs\n"] {
        assert!(!out.contains(hidden), "{hidden} in {out}");
    }
    assert_eq!(said.stderr.matches("cannot create").count(), 3, "{}", said.stderr);
    assert_eq!(said.ended.exit, Exit::Code(0), "killing init did nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_machines_have_the_same_names_and_randoms() {
    let driver = driver().await;
    let text =
        format!("{SHOW} show /etc/machine-id; show /proc/sys/kernel/random/boot_id; show /proc/sys/kernel/random/uuid");
    let (one, other) = tokio::join!(run(&driver, machine(&text)), run(&driver, machine(&text)));
    let ids: HashSet<&str> = one.stdout.lines().chain(other.stdout.lines()).collect();
    assert_eq!(ids.len(), 6, "{one:?} {other:?}");
    let here = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(!ids.iter().any(|line| line.contains(here.trim())));
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_files_are_packed_and_changes_stay_inside() {
    let driver = driver().await;
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().canonicalize().unwrap();
    fs::write(real.join("data"), "from the host\n").unwrap();
    fs::create_dir(real.join("work")).unwrap();
    fs::write(real.join("work/old"), "old\n").unwrap();
    let text = format!("{SHOW} show /data/data; echo x > /data/data; echo new > old; show old; show /etc/answer");
    let mut spec = machine(&text);
    spec.cwd = "/tmp/work".into();
    spec.files.extend([
        FileView::ReadOnly { source: real.join("data"), target: "/data/data".into() },
        FileView::CopyOnWrite { source: real.join("work"), target: "/tmp/work".into() },
        FileView::Text { target: "/etc/answer".into(), content: "42\n".into() },
    ]);
    let said = run(&driver, spec).await;
    assert_eq!(said.stdout, "/data/data: from the host\nold: new\n/etc/answer: 42\n", "{said:?}");
    assert!(said.stderr.contains("cannot create /data/data"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(real.join("work/old")).unwrap(), "old\n");
}

/// The clock of a machine is the host's, whatever its processor thinks.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_right() {
    knows_the_time(&driver().await).await;
}

pub(crate) async fn knows_the_time(driver: &impl Driver) {
    let mut spec = machine("");
    spec.command = vec!["/usr/bin/date".into(), "+%s".into()];
    let said = run(driver, spec).await;
    let inside: u64 = said.stdout.trim().parse().unwrap();
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(inside.abs_diff(here) < 30, "{inside} {here}");
}
