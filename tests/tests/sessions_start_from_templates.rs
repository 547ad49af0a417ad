//! Sessions in machines start as copies of one that was booted for all of them, before the first; and are sessions as all others are.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::machines::{self, KERNEL, kernel, monitors};
use sessile_tests::node::{GONE_WITHIN, table};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, binaries, procfs};
use std::process::Command;
use std::time::Duration;

/// How long sandboxes outlive a node that was killed.
const GRACE: Duration = Duration::from_secs(1);

/// How long a machine may take to boot under emulation, while others do.
const BOOT: Duration = Duration::from_secs(60);

/// A node whose server is in a machine, with further keys of `[node]`, of the server and of its limits.
fn node(settings: &str, keys: &str, limits: &str) -> Node {
    let home = Home::new();
    let limits = format!("[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"\n{limits}");
    // Of its own: what other tests do to a file that they share with this one makes it another one.
    let program = home.path().join("counter").display().to_string();
    std::fs::copy(binaries::fixture("counter"), &program).expect("a program can be copied");
    let server = table("it", &[program], &format!("isolation = \"microvm\"\n{keys}\n\n{limits}"));
    let manifest = format!("[node]\n{settings}\n\n{server}");
    machines::serve(home, &manifest)
}

/// A node that has made its template.
async fn ready() -> Node {
    let node = node("", "", "");
    made(&node, 1.0).await;
    node
}

async fn made(node: &Node, count: f64) {
    until("the template is made", BOOT, async || {
        (node.admin().metric("sessile_template_events_total", "outcome=\"made\"").await == count).then_some(())
    })
    .await;
}

async fn starts(node: &Node, kind: &str) -> f64 {
    node.admin().metric("sessile_sessions_started_total", &format!("kind=\"{kind}\"")).await
}

fn copies(node: &Node) -> usize {
    monitors(node).iter().filter(|line| line.contains("share=off") && line.contains("-incoming")).count()
}

#[tokio::test]
async fn the_first_session_is_a_copy_and_what_templates_take_is_counted() {
    let node = ready().await;
    let (mut one, mut other) = tokio::join!(Client::open(node.endpoint()), Client::open(node.endpoint()));
    for count in ["1", "2"] {
        assert_eq!(one.call("increment", json!({})).await, count);
    }
    assert_eq!(other.call("increment", json!({})).await, "1");
    assert_eq!((starts(&node, "template").await, starts(&node, "cold").await), (2.0, 0.0));
    assert_eq!((copies(&node), monitors(&node).len()), (2, 2));
    let admin = node.admin();
    assert_eq!(admin.metric("sessile_templates", "").await, 1.0);
    assert_eq!(admin.metric("sessile_template_memory_bytes", "").await, f64::from(256 << 20));
    assert_eq!(admin.metric("sessile_template_memory_limit_bytes", "").await, 2.0 * f64::from(1 << 30));
    one.close().await;
    other.close().await;
    admin.all_ended().await;
    assert!(node.log().contains("template made") && node.log().contains("kind=\"template\""), "{}", node.log());
    node.stop();
}

#[tokio::test]
async fn a_copy_goes_on_after_a_kill() {
    let node = ready().await;
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert_eq!(copies(&node), 1);
    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "2");
    // The next node has a template of its own.
    made(&node, 1.0).await;
    client.close().await;
    until("the machine is gone", PATIENCE, async || monitors(&node).is_empty().then_some(())).await;
    node.stop();
}

/// Every process that has a part of some template mapped, or holds one, by the command line.
fn holders() -> Vec<u32> {
    let is_template = |pid: &u32| {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let held = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut held = held.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        maps.contains("memfd:sessile-template")
            || held.any(|name| name.to_string_lossy().contains("memfd:sessile-template"))
    };
    procfs::processes().into_iter().map(|process| process.pid).filter(is_template).collect()
}

#[tokio::test]
async fn a_node_that_is_killed_leaves_nothing_of_its_templates() {
    // While one is being made; then with copies.
    for has_copies in [false, true] {
        let mut node = node("", "", &format!("adopt_grace = \"{}s\"", GRACE.as_secs()));
        let mut client = None;
        if has_copies {
            made(&node, 1.0).await;
            client = Some(Client::open(node.endpoint()).await);
            assert_eq!(copies(&node), 1);
        } else {
            let is_making = |pid: u32| procfs::command_line(pid).contains("guest=template-");
            let found =
                async || procfs::descendants(node.pid()).into_iter().find(|process| is_making(process.pid)).map(drop);
            until("a template is being made", BOOT, found).await;
        }
        let footprint = node.footprint();
        let of_node: Vec<u32> = procfs::descendants(node.pid()).into_iter().map(|process| process.pid).collect();
        let holding: Vec<u32> = holders().into_iter().filter(|pid| of_node.contains(pid)).collect();
        assert!(!has_copies || !holding.is_empty());
        node.signal(Signal::KILL);
        node.wait(GONE_WITHIN);
        if let Err(left) = footprint.is_gone(GRACE + GONE_WITHIN) {
            panic!("{left}");
        }
        assert!(holders().iter().all(|pid| !holding.contains(pid)));
        drop(client);
    }
}

#[tokio::test]
async fn what_is_warm_is_copied_as_well() {
    let node = node("", "pool = { warm = 1 }", "");
    made(&node, 1.0).await;
    let warm = async || {
        until("a machine is warm", BOOT, async || {
            (node.admin().metric("sessile_pool_warm", "").await == 1.0).then_some(())
        })
        .await;
    };
    warm().await;
    // The first of them may have booted.
    let mut first = Client::open(node.endpoint()).await;
    assert_eq!(first.call("increment", json!({})).await, "1");
    warm().await;
    let mut second = Client::open(node.endpoint()).await;
    assert_eq!(second.call("increment", json!({})).await, "1");
    assert_eq!(starts(&node, "warm").await, 2.0);
    assert!(copies(&node) >= 1, "{:?}", monitors(&node));
    first.close().await;
    second.close().await;
    node.stop();
}

#[tokio::test]
async fn without_memory_for_templates_every_machine_boots() {
    let node = node("template_memory = \"0B\"", "", "");
    for _ in 0..2 {
        let mut client = Client::open(node.endpoint()).await;
        assert_eq!(client.call("increment", json!({})).await, "1");
        assert_eq!(copies(&node), 0);
        client.close().await;
    }
    assert_eq!(starts(&node, "cold").await, 2.0);
    assert_eq!(node.admin().metric("sessile_template_events_total", "").await, 0.0);
    node.stop();
}

#[test]
fn check_says_what_templates_may_take() {
    let home = Home::new();
    let command = [home.fixture("counter")];
    for (settings, expected) in [
        ("", "templates of machines: in 2GiB of memory at most"),
        ("template_memory = \"0B\"", "templates of machines: none (`node.template_memory` is 0)"),
    ] {
        let manifest = format!("[node]\n{settings}\n{}", table("it", &command, "isolation = \"microvm\""));
        let file = home.path().join("sessile.toml");
        std::fs::write(&file, manifest).expect("a file can be written");
        let mut check = Command::new(binaries::sessile());
        let output = check
            .args(["check", "-c"])
            .arg(&file)
            .env(KERNEL, kernel())
            .env("SESSILE_MICROVM_ACCELERATOR", "emulation");
        let output = output.output().expect("sessile runs");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(said.contains(expected), "{said}");
    }
}
