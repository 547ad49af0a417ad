//! Further commands in a sandbox of any driver.

use super::{blocking, read_all};
use sessile_sandbox::{Exec, ExecError, ExecSpec, Exit, Pipes, Sandbox, Streams};
use std::io::{Read, Write};
use std::time::Duration;

/// A command for the shell, without a terminal.
pub(crate) fn shell(text: &str) -> ExecSpec {
    ExecSpec { command: ["/bin/sh", "-c", text].map(str::to_owned).into(), ..ExecSpec::default() }
}

/// The pipes of a command that runs without a terminal.
pub(crate) fn pipes(exec: &mut Exec) -> Pipes {
    match exec.take_streams().unwrap() {
        Streams::Pipes(pipes) => pipes,
        Streams::Terminal(_) => panic!("a terminal that nobody asked for"),
    }
}

/// All that a finished command said, and its own end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: Exit,
}

/// Runs a command with an empty standard input to its end, for at most `patience`.
pub(crate) async fn run_within(patience: Duration, sandbox: &Sandbox, spec: ExecSpec) -> Said {
    let mut exec = sandbox.exec(spec).await.unwrap_or_else(|error| panic!("{error}"));
    let Pipes { stdin, stdout, stderr } = pipes(&mut exec);
    drop(stdin);
    let reading = tokio::task::spawn_blocking(move || (read_all(stdout), read_all(stderr)));
    let exit = tokio::time::timeout(patience, exec.ended()).await.expect("it ends");
    let (stdout, stderr) = reading.await.unwrap();
    Said { stdout, stderr, exit }
}

/// Codes and signals come out as they are, and what cannot be run is told apart, in a sandbox with `/workspace/text` that searches in
/// `searched`.
pub(crate) async fn ends_and_refusals_are_told_apart(patience: Duration, sandbox: &Sandbox, searched: &str) {
    for (text, exit) in [("exit 0", Exit::Code(0)), ("exit 42", Exit::Code(42)), ("kill -9 $$", Exit::Signal(9))] {
        assert_eq!(run_within(patience, sandbox, shell(text)).await.exit, exit, "{text}");
    }
    match refused(sandbox, "no-such-program").await {
        ExecError::CommandNotFound { command, searched: found } => {
            assert_eq!((command.as_str(), found.as_str()), ("no-such-program", searched));
        }
        other => panic!("{other}"),
    }
    assert!(matches!(refused(sandbox, "/workspace/text").await, ExecError::NotExecutable { .. }));
    assert!(matches!(refused(sandbox, "").await, ExecError::Invalid { .. }));
}

/// Why a program is not run.
pub(crate) async fn refused(sandbox: &Sandbox, program: &str) -> ExecError {
    let spec = ExecSpec { command: vec![program.into()], ..ExecSpec::default() };
    sandbox.exec(spec).await.map(drop).unwrap_err()
}

/// A megabyte comes back as it was sent, and the end of input is passed on.
pub(crate) async fn bytes_go_both_ways(patience: Duration, sandbox: &Sandbox) {
    let mut exec = sandbox.exec(shell("cat; echo done >&2; exit 3")).await.unwrap();
    let Pipes { stdin, stdout, stderr } = pipes(&mut exec);
    let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = bytes.clone();
    let writing = tokio::task::spawn_blocking(move || blocking(stdin).write_all(&sent).unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let mut got = Vec::new();
        blocking(stdout).read_to_end(&mut got).unwrap();
        (got, read_all(stderr))
    });
    writing.await.unwrap();
    let (got, stderr) = reading.await.unwrap();
    assert!(got == bytes, "{} bytes came back", got.len());
    let exit = tokio::time::timeout(patience, exec.ended()).await.expect("it ends");
    assert_eq!((stderr.as_str(), exit), ("done\n", Exit::Code(3)));
}
