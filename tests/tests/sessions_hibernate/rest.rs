//! When sessions sleep, and who wakes them.

use super::{Counted, file_of, files, node, sleepers};
use http::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use sessile_tests::machines::monitors_of;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Node, binaries};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test]
async fn one_sleeps_at_its_clock_and_is_woken_once_by_all_who_come() {
    let node = node("hibernate_after = \"1s\"");
    let counted = Counted::open(&node).await;
    let (mut client, name) = (counted.client, counted.name);
    let session = node.admin().rests(&name).await;
    assert_eq!(session["rest"]["kind"], "disk", "{session}");
    // On a busy machine it may have slept before its first call.
    let wakes = session["wakes"].as_u64().expect("a number");
    assert_eq!(monitors_of(&name), 0);
    let file = file_of(&node, &name).metadata().expect("it is there");
    assert_eq!((file.mode() & 0o777, session["rest"]["bytes"].as_u64()), (0o600, Some(file.len())));

    // Who listens only wakes nobody.
    let mut stream = client.listen().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(node.admin().session(&name).await["state"], "hibernated");

    let mut all = JoinSet::new();
    for _ in 0..20 {
        let mut client = client.clone();
        all.spawn(async move { client.call("increment", json!({})).await.parse::<u32>().expect("a number") });
    }
    let mut counts = all.join_all().await;
    counts.sort_unstable();
    assert_eq!(counts, (2..=21).collect::<Vec<_>>());
    let session = node.admin().session(&name).await;
    assert_eq!(session["wakes"], wakes + 1, "{session}");
    assert_eq!(node.admin().metric("sessile_wakes_total", "").await, (wakes + 1) as f64);

    // And again; what its client does not need any more goes from the disk.
    node.admin().rests(&name).await;
    assert_eq!(client.call("increment", json!({})).await, "22");
    node.admin().rests(&name).await;
    client.close().await;
    while stream.next().await.is_some() {} // it ends with its session
    assert_eq!(node.admin().end_of_only_session().await["reason"], "client_delete");
    assert_eq!(files(&node), [""; 0]);
    node.stop();
}

/// `sessile sessions WORDS`: its exit code, and what it says.
fn sessions(node: &Node, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binaries::sessile());
    command.arg("sessions").args(words).env("SESSILE_ADMIN", node.admin().endpoint().url());
    let output = command.output().expect("sessile starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sleeps_and_wakes_by_command_and_with_its_node() {
    let node = node("");
    let mut counted = Counted::open(&node).await;
    let name = counted.name.clone();
    let (code, said) = sessions(&node, &["hibernate", &name]);
    assert!(code == Some(0) && said.contains("disk, for "), "{said}");
    assert_eq!((monitors_of(&name), sleepers(&node).len()), (0, 1));
    let (code, said) = sessions(&node, &["hibernate", &name]);
    assert!(code == Some(0) && said.contains("disk, for "), "it sleeps on: {said}");
    let (code, said) = sessions(&node, &["resume", &name]);
    assert!(code == Some(0) && said.contains("idle") && said.contains("1 times"), "{said}");
    assert_eq!((monitors_of(&name), files(&node).len()), (1, 0));
    assert_eq!(counted.count().await, "2");

    // A node that ends writes down what it can, and the next one knows it.
    let node = node.restart(Signal::TERM);
    assert_eq!(monitors_of(&name), 0);
    assert!(node.log().contains("knows 1 hibernated sessions again"), "{}", node.log());
    let mut counted = counted.at(&node);
    assert_eq!(node.admin().session(&name).await["state"], "hibernated");
    assert_eq!(counted.count().await, "3");

    // It can be ended where it sleeps.
    counted.sleep(&node).await;
    let (code, said) = sessions(&node, &["stop", &name]);
    assert_eq!(code, Some(0), "{said}");
    counted.is_over(&node, "admin_stop").await;
    let (code, said) = sessions(&node, &["resume", &name]);
    assert!(code == Some(1) && said.contains(&name), "{said}");
    node.stop();
}

#[tokio::test]
async fn one_that_is_asked_something_meanwhile_answers() {
    let node = node("");
    let mut counted = Counted::open(&node).await;
    // Each request comes at another moment of its being written down.
    for round in 2..=6 {
        let (admin, name) = (node.admin().clone(), counted.name.clone());
        let falling = tokio::spawn(async move { admin.rest(&name, "hibernate").await.0 });
        tokio::time::sleep(Duration::from_millis(60 * (round - 2))).await;
        assert_eq!(counted.count().await, round.to_string());
        assert!(matches!(falling.await.expect("no panic"), StatusCode::OK | StatusCode::CONFLICT));
    }
    until("it runs", PATIENCE, async || (monitors_of(&counted.name) == 1).then_some(())).await;
    node.stop();
}

#[tokio::test]
async fn its_life_ends_while_it_sleeps() {
    let node = node("max_lifetime = \"10s\"");
    let mut counted = Counted::open(&node).await;
    counted.sleep(&node).await;
    until("its life is over", PATIENCE, async || {
        (node.admin().session(&counted.name).await["age_ms"].as_u64() > Some(10_000)).then_some(())
    })
    .await;
    counted.is_over(&node, "max_lifetime").await;
    node.stop();
}
