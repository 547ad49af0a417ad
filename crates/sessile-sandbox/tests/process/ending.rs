//! However a sandbox ends, all of it ends, and how is told.

use crate::support::leaks::{processes_with, sandbox_cgroups_of};
use crate::support::{driver, eventually, run, script, waiting};
use sessile_sandbox::{Driver, Exit};
use std::time::{Duration, Instant};

/// What invariant 3 allows.
const PROMPT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_signals_are_told_apart() {
    let driver = driver();
    for (text, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 42", Exit::Code(42)),
        ("exit 137", Exit::Code(137)),
        ("kill -9 $$", Exit::Signal(libc::SIGKILL)),
        ("kill -SEGV $$", Exit::Signal(libc::SIGSEGV)),
    ] {
        assert_eq!(run(&driver, script(text)).await.ended.exit, exit, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_at_the_end_of_its_input_is_not_signalled() {
    let driver = driver();
    let sandbox = driver.start(script("cat; exit 5")).await.unwrap();
    let from = Instant::now();
    assert_eq!(sandbox.stop(Duration::from_secs(10)).await.exit, Exit::Code(5));
    assert!(from.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_its_input_gets_sigterm_in_time() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "trap 'exit 6' TERM").await;
    let before = sandbox.pid();
    assert!(before > 0);
    // `sleep` in the foreground delays the trap: the shell's child ignores nothing, and is what the kill at the end is for.
    let ended = sandbox.stop(Duration::from_secs(1)).await;
    assert!(matches!(ended.exit, Exit::Killed | Exit::Code(6)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hides_from_the_end() {
    let driver = driver();
    let marker = format!("marker-{}", std::process::id());
    // Two generations away, in a session of its own, ignoring every signal that can be ignored, holding the pipes.
    let hidden =
        format!("(setsid sh -c \"trap '' TERM INT HUP QUIT PIPE; while :; do sleep 1000; done\" {marker}-hidden &) &");
    let (sandbox, _pipes) = waiting(&driver, &format!("trap '' TERM; {hidden} sleep 0.1")).await;
    assert!(eventually(PROMPT, || !processes_with(&marker).is_empty()));
    let from = Instant::now();
    let ended = sandbox.stop(Duration::from_millis(200)).await;
    assert_eq!(ended.exit, Exit::Killed);
    assert!(from.elapsed() < PROMPT);
    assert_eq!(processes_with(&marker), [0; 0]);

    // The same when the server ends by itself and leaves the other behind.
    let said = run(&driver, script(&format!("{hidden} sleep 0.1; exit 0"))).await;
    assert_eq!(said.ended.exit, Exit::Code(0));
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_ends_the_sandbox() {
    let driver = driver();
    let (sandbox, pipes) = waiting(&driver, "").await;
    let (pid, ended) = (sandbox.pid(), sandbox.ended());
    let cgroup = sandbox.id().as_str().to_owned();
    drop(sandbox);
    let ended = tokio::time::timeout(PROMPT, ended).await.expect("it ends within 2 s");
    assert_eq!(ended.exit, Exit::Killed);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let left = sandbox_cgroups_of(std::process::id());
    assert!(!left.iter().any(|path| path.ends_with(&cgroup)), "{left:?}");
    drop(pipes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_nobody_waits_for_leaves_nothing() {
    let driver = driver();
    let marker = format!("abandoned-{}", std::process::id());
    for wait in 0..20 {
        let start = driver.start(script(&format!(": {marker}; while :; do sleep 1000; done")));
        let _ = tokio::time::timeout(Duration::from_micros(wait * 300), start).await.map(drop);
    }
    assert!(eventually(PROMPT, || processes_with(&marker).is_empty()), "{:?}", processes_with(&marker));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_killed_from_outside_is_lost_and_leaves_nothing() {
    let driver = driver();
    let marker = format!("lost-{}", std::process::id());
    let (sandbox, _pipes) = waiting(&driver, &format!("sh -c 'sleep 1000; :' {marker} &")).await;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(sandbox.pid()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let ended = tokio::time::timeout(PROMPT, sandbox.ended()).await.unwrap();
    assert_eq!(ended.exit, Exit::Lost);
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_is_no_zombie_afterwards() {
    let driver = driver();
    let sandbox = driver.start(script("exit 0")).await.unwrap();
    sandbox.ended().await;
    assert!(!std::path::Path::new(&format!("/proc/{}", sandbox.pid())).exists());
}

#[test]
fn a_tokio_runtime_that_goes_away_takes_its_sandboxes_along() {
    let marker = format!("shutdown-{}", std::process::id());
    let driver = driver();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let sandbox = tokio.block_on(driver.start(script(&format!(": {marker}; while :; do sleep 1000; done")))).unwrap();
    assert!(eventually(PROMPT, || !processes_with(&marker).is_empty()));
    drop(tokio);
    assert!(eventually(PROMPT, || processes_with(&marker).is_empty()));
    drop(sandbox);
}
