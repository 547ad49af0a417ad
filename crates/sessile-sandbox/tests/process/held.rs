//! What init holds is held until the sandbox ends, and by nobody else inside.

use crate::support::leaks::processes_with;
use crate::support::{alone_in_background, blocking, driver, eventually, read_line, run, script};
use rustix::fs::{FlockOperation, flock};
use sessile_sandbox::Driver;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the holder's sandbox may outlive it.
const GRACE: Duration = Duration::from_secs(4);

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

fn is_locked(path: &Path) -> bool {
    flock(open(path), FlockOperation::NonBlockingLockExclusive).is_err()
}

fn lock(path: &Path) -> File {
    let file = open(path);
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_lives_as_long_as_the_sandbox_that_holds_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lock");
    let mut spec = script("echo started; sleep 1000");
    spec.held = Some(Arc::new(lock(&path).into()));
    let mut sandbox = driver().start(spec).await.unwrap();
    let mut stdout = blocking(sandbox.take_pipes().unwrap().stdout);
    assert_eq!(read_line(&mut stdout), "started");
    assert!(is_locked(&path), "this process holds nothing, and init does");
    sandbox.kill();
    sandbox.ended().await;
    assert!(!is_locked(&path));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lock");
    let mut spec = script("ls /proc/self/fd; ls -l /proc/self/fd | grep -c lock");
    spec.held = Some(Arc::new(lock(&path).into()));
    let said = run(&driver(), spec).await;
    // The fourth is the one that `ls` reads the directory through.
    assert_eq!(said.stdout, "0\n1\n2\n3\n0\n", "{said:?}");
}

#[test]
#[ignore = "run by the test below in a process of its own, to be killed"]
fn holder() {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let marker = std::env::var("SESSILE_TEST_MARKER").unwrap();
    // Ends neither with its standard streams nor at a polite request.
    let mut spec = script(&format!("trap '' TERM PIPE; while :; do sleep 1000; done; : {marker}"));
    spec.orphan_grace = GRACE;
    spec.held = Some(Arc::new(lock(Path::new(&std::env::var("SESSILE_TEST_LOCK").unwrap())).into()));
    let _sandbox = tokio.block_on(driver().start(spec)).unwrap();
    std::io::stdout().write_all(b"holding\n").unwrap();
    std::thread::park();
}

#[test]
fn a_lock_outlives_a_runtime_that_is_killed_and_not_its_sandbox() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lock");
    let marker = format!("held-{}", std::process::id());
    let lock = path.display().to_string();
    let mut holder =
        alone_in_background("held::holder", &[("SESSILE_TEST_MARKER", &marker), ("SESSILE_TEST_LOCK", &lock)]);
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(is_locked(&path) && !processes_with(&marker).is_empty(), "the sandbox lives on");
    assert!(eventually(GRACE * 10, || !is_locked(&path)));
    // The end of init lets the lock go a moment before it kills the rest: whoever relies on that looks at init, too.
    assert!(eventually(Duration::from_secs(10), || processes_with(&marker).is_empty()));
}
