//! A server's pipes carry what is said, both ways, and nothing else is needed to talk to it.

use crate::support::{self, blocking, driver, read_line, run, script, spec, write_line};
use sessile_sandbox::{Driver, Exit, Pipes};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_comes_back() {
    let driver = driver();
    let mut sandbox = driver.start(spec(&["cat"])).await.unwrap();
    let Pipes { stdin, stdout, .. } = sandbox.take_pipes().unwrap();
    assert!(sandbox.take_pipes().is_none());
    let (mut stdin, mut stdout) = (blocking(stdin), blocking(stdout));
    for line in ["one", "two", "drei"] {
        write_line(&mut stdin, line);
        assert_eq!(read_line(&mut stdout), line);
    }
    drop(stdin);
    sandbox.close_stdin();
    let ended = tokio::time::timeout(Duration::from_secs(10), sandbox.ended()).await.unwrap();
    assert_eq!(ended.exit, Exit::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_said_last_can_be_read_after_its_end() {
    let driver = driver();
    let mut sandbox = driver.start(script("echo said; echo logged >&2; exit 3")).await.unwrap();
    let ended = sandbox.ended().await;
    assert_eq!(ended.exit, Exit::Code(3));
    let Pipes { stdout, stderr, .. } = sandbox.take_pipes().unwrap();
    assert_eq!(support::read_all(stdout), "said\n");
    assert_eq!(support::read_all(stderr), "logged\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn command_environment_and_working_directory_are_as_asked() {
    let driver = driver();
    let mut spec = script("echo $0 $1; env; pwd; hostname");
    spec.command.extend(["zero".into(), "one two".into()]);
    spec.env.push(("GREETING".into(), "hello world".into()));
    spec.cwd = "/tmp".into();
    let said = run(&driver, spec).await;
    assert_eq!(said.ended.exit, Exit::Code(0), "{said:?}");
    let mut lines: Vec<_> = said.stdout.lines().collect();
    lines.retain(|line| !line.starts_with("PWD=")); // the shell's own
    lines[1..3].sort_unstable();
    assert_eq!(lines, ["zero one two", "GREETING=hello world", "PATH=/usr/bin:/bin", "/tmp", "tester"]);
}
