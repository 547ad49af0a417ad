//! A runtime is killed, and the next one takes its sandboxes over.

use crate::support::leaks::{cgroups_of, processes_with};
use crate::support::{alone_in_background, blocking, eventually, read_all, read_line, script, write_line};
use sessile_sandbox::{Adopted, Driver, Exit, Pipes, ProcessConfig, Sandbox, process_driver};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a holder's sandboxes wait for the next runtime.
const GRACE: Duration = Duration::from_secs(3);

fn driver(rendezvous: &Path) -> impl Driver + use<> {
    process_driver(ProcessConfig { rendezvous: Some(rendezvous.to_owned()), ..ProcessConfig::default() })
        .expect("this host can isolate processes")
}

/// A file with this text, to be kept.
fn estate(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Starts what `SESSILE_TEST_SCRIPT` says, says so, and waits to be killed.
#[test]
#[ignore = "run by the tests below in a process of its own, to be killed"]
fn holder() {
    let env = |name: &str| std::env::var(name).unwrap();
    let driver = driver(Path::new(&env("SESSILE_TEST_RENDEZVOUS")));
    let mut spec = script(&env("SESSILE_TEST_SCRIPT"));
    spec.orphan_grace = GRACE;
    spec.estate = Some(Arc::new(estate("kept").into()));
    let (also, mut end) = std::io::pipe().unwrap();
    end.write_all(b"also").unwrap();
    drop(end);
    spec.kept = Some(Arc::new(also.into()));
    spec.note = Some("noted: \"this\"".into());
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let _sandbox = tokio.block_on(driver.start(spec)).unwrap();
    std::io::stdout().write_all(b"holding\n").unwrap();
    std::thread::park();
}

/// Kills a holder that runs `script`. Gives its process id.
fn kill_a_holder(rendezvous: &Path, script: &str) -> u32 {
    let env = [("SESSILE_TEST_RENDEZVOUS", rendezvous.to_str().unwrap()), ("SESSILE_TEST_SCRIPT", script)];
    let mut holder = alone_in_background("adoption::holder", &env);
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("holding"))), "the holder came up");
    holder.kill().unwrap();
    holder.wait().unwrap();
    holder.id()
}

async fn adopt_one(driver: &impl Driver) -> Adopted {
    let mut adopted = driver.adopt().await;
    assert_eq!(adopted.len(), 1, "{adopted:?}");
    adopted.remove(0).unwrap_or_else(|error| panic!("{error}"))
}

fn pipes(sandbox: &mut Sandbox) -> (File, File) {
    let Pipes { stdin, stdout, .. } = sandbox.take_pipes().unwrap();
    (blocking(stdin), blocking(stdout))
}

const ECHO: &str = "echo early; while read line; do echo got $line; done; exit 7";

#[tokio::test]
async fn the_next_runtime_goes_on_where_the_killed_one_stopped() {
    let home = tempfile::tempdir().unwrap();
    let killed = kill_a_holder(home.path(), ECHO);
    let driver = driver(home.path());
    let Adopted { mut sandbox, estate, kept, note } = adopt_one(&driver).await;
    assert_eq!(read_all(kept.unwrap()), "also");
    let mut kept = File::from(estate);
    let mut text = String::new();
    kept.rewind().unwrap();
    kept.read_to_string(&mut text).unwrap();
    assert_eq!(text, "kept");
    assert_eq!(note.as_deref(), Some("noted: \"this\""));
    let (mut stdin, mut stdout) = pipes(&mut sandbox);
    assert_eq!(read_line(&mut stdout), "early");
    write_line(&mut stdin, "this");
    assert_eq!(read_line(&mut stdout), "got this");
    assert!(sandbox.usage().memory.is_some());
    // Longer than the grace: it belongs to somebody.
    tokio::time::sleep(GRACE + Duration::from_secs(2)).await;
    write_line(&mut stdin, "that");
    assert_eq!(read_line(&mut stdout), "got that");
    drop(stdin);
    sandbox.close_stdin();
    assert_eq!(sandbox.ended().await.exit, Exit::Code(7));
    drop(sandbox);
    drop(driver);
    assert!(eventually(Duration::from_secs(10), || cgroups_of(killed).is_empty()), "{:?}", cgroups_of(killed));
    assert!(eventually(Duration::from_secs(10), || !home.path().exists()), "nothing is left of the rendezvous");
}

#[tokio::test]
async fn how_a_server_ended_meanwhile_is_told_afterwards() {
    let home = tempfile::tempdir().unwrap();
    kill_a_holder(home.path(), "echo last words; sleep 1; exit 9");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let driver = driver(home.path());
    let mut sandbox = adopt_one(&driver).await.sandbox;
    let (_, mut stdout) = pipes(&mut sandbox);
    assert_eq!(read_line(&mut stdout), "last words");
    assert_eq!(sandbox.ended().await.exit, Exit::Code(9));
}

#[tokio::test]
async fn a_handle_that_goes_takes_an_adopted_tree_with_it() {
    let home = tempfile::tempdir().unwrap();
    let marker = format!("adopted-{}", std::process::id());
    kill_a_holder(home.path(), &format!("sh -c 'trap \"\" TERM; sleep 1000 & wait' {marker} & wait"));
    assert!(eventually(GRACE / 2, || !processes_with(&marker).is_empty()));
    let driver = driver(home.path());
    drop(adopt_one(&driver).await);
    assert!(eventually(Duration::from_secs(10), || processes_with(&marker).is_empty()));
}

#[tokio::test]
async fn a_sandbox_is_taken_over_once_and_not_while_its_runtime_lives() {
    let home = tempfile::tempdir().unwrap();
    let first = driver(home.path());
    let mut spec = script(ECHO);
    spec.estate = Some(Arc::new(estate("kept").into()));
    let _sandbox = first.start(spec).await.unwrap();
    let second = driver(home.path());
    assert!(second.adopt().await.is_empty(), "its runtime lives");
    kill_a_holder(home.path(), ECHO);
    let _adopted = adopt_one(&second).await;
    assert!(first.adopt().await.is_empty(), "it has been taken");
}

#[tokio::test]
async fn nobody_comes_and_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    let marker = format!("forlorn-{}", std::process::id());
    let killed = kill_a_holder(home.path(), &format!("sh -c 'sleep 1000' {marker} & wait"));
    let patience = GRACE + Duration::from_secs(3);
    assert!(eventually(patience, || processes_with(&marker).is_empty()), "init ends it after its grace");
    assert!(eventually(patience, || cgroups_of(killed).is_empty()), "{:?}", cgroups_of(killed));
    drop(driver(home.path()).adopt().await);
    assert!(driver(home.path()).adopt().await.is_empty());
}
