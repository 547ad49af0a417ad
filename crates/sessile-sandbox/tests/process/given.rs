//! What a server is given beside its streams it finds as 3, 4, …, and nobody else in the sandbox has it.

use crate::support::{driver, read_all, read_line, run, script, write_line};
use sessile_sandbox::{Driver, ExecSpec, ProcessConfig, StartError, Streams, process_driver, unsandboxed_driver};
use std::fs::File;
use std::io::{Read, Seek, Write, pipe};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// How long anything may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file
}

fn given(descriptor: impl Into<OwnedFd>) -> Arc<OwnedFd> {
    Arc::new(descriptor.into())
}

/// Everything that comes out of a pipe until nobody has its other end any more.
async fn rest(mut pipe: impl Read + Send + 'static) -> String {
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).map(|_| text)
    });
    tokio::time::timeout(PATIENCE, reading).await.expect("nobody has the other end").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_finds_them_in_order_after_its_streams() {
    let (reader, writer) = pipe().unwrap();
    let mut spec = script("cat <&3; cat <&4; echo said >&5; cat <&6; ls /proc/self/fd");
    spec.given = vec![given(file("one ")), given(file("two ")), given(writer), given(file("four\n"))];
    let said = run(&driver(), spec).await;
    // The eighth is the one that `ls` reads the directory through.
    assert_eq!(said.stdout, "one two four\n0\n1\n2\n3\n4\n5\n6\n7\n", "{said:?}");
    assert_eq!(rest(reader).await, "said\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_what_init_keeps() {
    let home = tempfile::tempdir().unwrap();
    let rendezvous = Some(home.path().to_owned());
    let driver = process_driver(ProcessConfig { rendezvous, ..ProcessConfig::default() }).unwrap();
    let mut spec = script("cat <&3; ls /proc/self/fd");
    spec.given = vec![given(file("given\n"))];
    spec.estate = Some(given(file("estate")));
    spec.held = Some(given(file("held")));
    let said = run(&driver, spec).await;
    assert_eq!(said.stdout, "given\n0\n1\n2\n3\n4\n", "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_closes_nobody_has() {
    let (reader, writer) = pipe().unwrap();
    let mut spec = script("echo mine >&3; exec 3>&-; while :; do sleep 1000; done");
    spec.given = vec![given(writer)];
    let _sandbox = driver().start(spec).await.unwrap();
    assert_eq!(rest(reader).await, "mine\n", "neither init nor the runtime has a copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_command_has_none_of_them() {
    let mut spec = script("read line; cat <&3; while :; do sleep 1000; done");
    spec.given = vec![given(file("the server's\n"))];
    let mut sandbox = driver().start(spec).await.unwrap();
    let command = ["/bin/sh", "-c", "ls /proc/self/fd"].map(str::to_owned).into();
    let mut exec = sandbox.exec(ExecSpec { command, ..ExecSpec::default() }).await.unwrap();
    let Some(Streams::Pipes(pipes)) = exec.take_streams() else { panic!("no terminal was asked for") };
    let listed = tokio::task::spawn_blocking(move || read_all(pipes.stdout)).await.unwrap();
    assert_eq!(listed, "0\n1\n2\n3\n", "the fourth is the one that `ls` reads the directory through");
    let pipes = sandbox.take_pipes().unwrap();
    write_line(&mut crate::support::blocking(pipes.stdin), "go");
    let mut stdout = crate::support::blocking(pipes.stdout);
    let line = tokio::task::spawn_blocking(move || read_line(&mut stdout)).await.unwrap();
    assert_eq!(line, "the server's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_lets_go_of_them() {
    let (reader, writer) = pipe().unwrap();
    let mut spec = script("true");
    spec.command = vec!["no-such-program".into()];
    spec.given = vec![given(writer)];
    let error = driver().start(spec).await.map(drop).unwrap_err();
    assert!(matches!(error, StartError::CommandNotFound { .. }), "{error}");
    assert_eq!(rest(reader).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_refused_and_without_isolation_any() {
    let mut spec = script("true");
    spec.given = (0..5).map(|_| given(file(""))).collect();
    let error = driver().start(spec).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("a server is given 4 descriptors at most, not 5"), "{error}");
    assert!(error.is_the_specs());
    let mut spec = script("true");
    spec.cwd = "/".into();
    spec.given = vec![given(file(""))];
    let error = unsandboxed_driver().start(spec).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("without isolation no server is given descriptors"), "{error}");
}
