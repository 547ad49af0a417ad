//! A server's pipes carry what is said, both ways, as if there were no machine between.

use crate::support::{self, Said, blocking, driver, machine, read_line, run, start, write_line};
use sessile_sandbox::{Driver, Exit, Pipes};
use std::io::{Read, Write};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_comes_back_and_the_end_travels_too() {
    carries_pipes(&driver().await).await;
}

pub(crate) async fn carries_pipes(driver: &impl Driver) {
    let mut spec = machine("");
    spec.command = vec!["/usr/bin/cat".into()];
    let mut sandbox = start(driver, spec).await;
    let Pipes { stdin, stdout, .. } = sandbox.take_pipes().unwrap();
    assert!(sandbox.take_pipes().is_none());
    let (mut stdin, mut stdout) = (blocking(stdin), blocking(stdout));
    for line in ["one", "two", "drei"] {
        write_line(&mut stdin, line);
        assert_eq!(read_line(&mut stdout), line);
    }
    // More than all buffers on the way hold, in both directions at once.
    let much: Vec<u8> = (0..4_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let (sent, mut received) = (much.clone(), vec![0; much.len()]);
    let writing = tokio::task::spawn_blocking(move || {
        stdin.write_all(&sent).unwrap();
        drop(stdin);
    });
    let received = tokio::task::spawn_blocking(move || {
        stdout.read_exact(&mut received).unwrap();
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
        received
    });
    writing.await.unwrap();
    sandbox.close_stdin();
    assert!(received.await.unwrap() == much);
    let ended = tokio::time::timeout(Duration::from_secs(30), sandbox.ended()).await.unwrap();
    assert_eq!(ended.exit, Exit::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn command_environment_directory_and_last_words_are_as_asked() {
    runs_as_asked(&driver().await).await;
}

pub(crate) async fn runs_as_asked(driver: &impl Driver) {
    let mut spec = machine("echo $0 $1; echo $GREETING; pwd; hostname; echo logged >&2; exit 3");
    spec.command.extend(["zero".into(), "one two".into()]);
    spec.env.push(("GREETING".into(), "hello world".into()));
    spec.cwd = "/tmp".into();
    let Said { stdout, stderr, ended } = run(driver, spec).await;
    // The image holds the shell and nothing beside it: `hostname` is no builtin.
    assert_eq!(stdout, "zero one two\nhello world\n/tmp\n");
    assert!(stderr.contains("hostname: not found") && stderr.ends_with("logged\n"), "{stderr}");
    assert_eq!(ended.exit, Exit::Code(3));
    assert!(ended.usage.cpu > Duration::ZERO && ended.usage.memory_peak.is_some(), "{ended:?}");
}

/// A stream that nobody reads holds back its server, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_stderr_does_not_hold_back_stdout() {
    let driver = driver().await;
    let script = "(while :; do echo noise; done) >&2 & while read line; do echo \"$line\"; done; kill $!";
    let mut sandbox = start(&driver, machine(script)).await;
    let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().unwrap();
    let (mut stdin, mut stdout) = (blocking(stdin), blocking(stdout));
    // Full is what grows no more: how much a pipe holds depends on how it is filled.
    let held = || rustix::io::ioctl_fionread(&stderr).unwrap();
    let is_full = || {
        let before = held();
        std::thread::sleep(Duration::from_secs(1));
        before > 0 && held() == before
    };
    assert!(support::eventually(Duration::from_secs(60), is_full), "it makes noise until nobody reads");
    let talking = tokio::task::spawn_blocking(move || {
        for number in 0..200 {
            write_line(&mut stdin, &format!("line {number}"));
            assert_eq!(read_line(&mut stdout), format!("line {number}"));
        }
    });
    tokio::time::timeout(Duration::from_secs(60), talking).await.expect("stdout goes on").unwrap();
    sandbox.kill();
    assert_eq!(sandbox.ended().await.exit, Exit::Killed);
    let noise = tokio::task::spawn_blocking(move || support::read_all(stderr)).await.unwrap();
    assert!(noise.lines().all(|line| "noise".starts_with(line)), "nothing is lost or mixed");
    assert!(!noise.is_empty());
}
