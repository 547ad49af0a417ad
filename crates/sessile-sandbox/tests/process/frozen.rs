//! What is frozen does nothing until it is thawed, and can be killed all the same.

use crate::support::leaks::{cgroups_of, children, processes_with};
use crate::support::{alone_in_background, blocking, driver, eventually, read_line, script, spec, write_line};
use sessile_sandbox::{Driver, Exit, FreezeError, Sandbox};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Processes in sessions of their own, some of them always busy.
const BUSY: &str = "setsid sh -c 'while :; do :; done' & sh -c 'while :; do sleep 0.01; done' & while :; do :; done";

/// Whether any process of it runs: by the processor time that is counted while we wait.
async fn rests(sandbox: &Sandbox) -> bool {
    let before = sandbox.usage().cpu;
    sleep(Duration::from_millis(300)).await;
    sandbox.usage().cpu == before
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_frozen_answers_when_it_is_thawed() {
    let driver = driver();
    if !driver.freezes() {
        return; // said by `fallbacks`
    }
    let mut sandbox = driver.start(spec(&["cat"])).await.unwrap();
    let pipes = sandbox.take_pipes().unwrap();
    let (mut stdin, mut stdout) = (blocking(pipes.stdin), blocking(pipes.stdout));
    for round in 0..20 {
        sandbox.freeze().await.unwrap();
        let line = format!("round {round}");
        write_line(&mut stdin, &line);
        let (answer, mut read) = (tokio::task::spawn_blocking(move || (read_line(&mut stdout), stdout)), None);
        tokio::pin!(answer);
        tokio::select! {
            answered = &mut answer => read = Some(answered.unwrap()),
            () = sleep(Duration::from_millis(20)) => {}
        }
        assert!(read.is_none(), "it answered while it was frozen");
        sandbox.thaw().await.unwrap();
        let (said, again) = timeout(Duration::from_secs(10), answer).await.unwrap().unwrap();
        assert_eq!(said, line);
        stdout = again;
    }
    // Neither of them twice does harm.
    sandbox.thaw().await.unwrap();
    sandbox.freeze().await.unwrap();
    sandbox.freeze().await.unwrap();
    sandbox.kill();
    assert!(matches!(timeout(Duration::from_secs(20), sandbox.ended()).await.unwrap().exit, Exit::Killed));
    assert!(matches!(sandbox.freeze().await, Err(FreezeError::Ended)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_runs_however_its_processes_hide() {
    let driver = driver();
    if !driver.freezes() {
        return;
    }
    let sandbox = driver.start(script(BUSY)).await.unwrap();
    assert!(eventually(Duration::from_secs(10), || sandbox.usage().cpu > Duration::from_millis(50)));
    sandbox.freeze().await.unwrap();
    assert!(rests(&sandbox).await);
    sandbox.thaw().await.unwrap();
    let before = sandbox.usage().cpu;
    assert!(eventually(Duration::from_secs(10), || sandbox.usage().cpu > before), "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_frozen_can_be_killed_and_leaves_nothing() {
    let driver = driver();
    if !driver.freezes() {
        return;
    }
    for way in 0..3 {
        let marker = format!("frozen-{way}-{}", std::process::id());
        let busy = "while :; do sleep 0.01; done";
        let spec = script(&format!("setsid sh -c '{busy}' {marker} & sh -c '{busy}' {marker} & wait"));
        let id = spec.id.clone();
        let sandbox = driver.start(spec).await.unwrap();
        assert!(eventually(Duration::from_secs(20), || !processes_with(&marker).is_empty()));
        sandbox.freeze().await.unwrap();
        let ended = sandbox.ended();
        match way {
            0 => sandbox.kill(),
            1 => {
                timeout(Duration::from_secs(20), sandbox.stop(Duration::from_millis(200))).await.unwrap();
            }
            _ => {}
        }
        drop(sandbox);
        timeout(Duration::from_secs(20), ended).await.expect("it ends");
        assert!(processes_with(&marker).is_empty(), "way {way}");
        let left = |node: &std::path::PathBuf| node.join(id.as_str()).exists();
        assert!(!cgroups_of(std::process::id()).iter().any(left), "way {way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_and_freezing_at_once_leaves_nothing() {
    let driver = driver();
    if !driver.freezes() {
        return;
    }
    for _ in 0..8 {
        let sandbox = driver.start(script(BUSY)).await.unwrap();
        let freezing = tokio::spawn(sandbox.freeze());
        tokio::task::yield_now().await;
        sandbox.kill();
        timeout(Duration::from_secs(20), sandbox.ended()).await.expect("it ends");
        let _ = freezing.await.unwrap();
    }
}

#[test]
#[ignore = "run by the test below in a process of its own, to be killed"]
fn holder() {
    let marker = std::env::var("SESSILE_TEST_MARKER").unwrap();
    let driver = driver();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let mut spec = script(&format!("sh -c \"trap '' TERM PIPE; while :; do sleep 1000; done\" {marker} & wait"));
    spec.orphan_grace = Duration::from_secs(1);
    let sandbox = tokio.block_on(driver.start(spec)).unwrap();
    assert!(eventually(Duration::from_secs(20), || !processes_with(&marker).is_empty()));
    tokio.block_on(sandbox.freeze()).unwrap();
    std::io::stdout().write_all(b"holding\n").unwrap();
    std::thread::park();
}

#[tokio::test]
async fn what_a_killed_runtime_left_frozen_ends_like_everything_else() {
    if !driver().freezes() {
        return;
    }
    let marker = format!("frozen-orphan-{}", std::process::id());
    let mut holder = alone_in_background("frozen::holder", &[("SESSILE_TEST_MARKER", &marker)]);
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("holding"))), "the holder came up");
    assert!(!processes_with(&marker).is_empty());
    let keepers = children(holder.id());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(eventually(Duration::from_secs(10), || processes_with(&marker).is_empty()), "its time is counted again");
    let is_gone = |pid: &u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(
        eventually(Duration::from_secs(10), || keepers.iter().all(is_gone)),
        "nobody looks after anything any more"
    );
}
