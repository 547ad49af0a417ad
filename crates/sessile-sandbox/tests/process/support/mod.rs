//! What the tests share: a specification that shows the system, and a way to run a script to its end.
use sessile_sandbox::{Driver, Ended, FileView, Limits, Pipes, Sandbox, SandboxId, SandboxSpec};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) mod commands;
pub(crate) mod leaks;

/// The driver under test, in a tokio runtime.
pub(crate) fn driver() -> impl Driver {
    sessile_sandbox::process_driver(sessile_sandbox::ProcessConfig::default()).expect("this host can isolate processes")
}

/// The system directories, as links or directories like on the host, and private places.
pub(crate) fn system() -> Vec<FileView> {
    let mut files = vec![];
    for name in ["/usr", "/bin", "/sbin", "/lib", "/lib64"] {
        let path = Path::new(name);
        match std::fs::read_link(path) {
            Ok(to) => files.push(FileView::Symlink { target: path.into(), to }),
            Err(_) if path.is_dir() => files.push(FileView::ReadOnly { source: path.into(), target: path.into() }),
            Err(_) => {}
        }
    }
    for name in ["/tmp", "/workspace"] {
        files.push(FileView::Private { target: name.into() });
    }
    files
}

/// A specification for `command`.
pub(crate) fn spec(command: &[&str]) -> SandboxSpec {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    SandboxSpec {
        // Of this process: others may be testing as well.
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/workspace".into(),
        files: system(),
        limits: Limits { memory: Some(256 << 20), pids: Some(64), disk: Some(16 << 20), ..Limits::default() },
        hostname: "tester".into(),
        orphan_grace: Duration::from_secs(1),
        start_timeout: Duration::from_secs(20),
        ..SandboxSpec::new(
            SandboxId::new(format!("test-{}-{number}", std::process::id())).unwrap(),
            command.iter().map(|word| (*word).to_owned()).collect(),
        )
    }
}

/// A specification for a shell script.
pub(crate) fn script(text: &str) -> SandboxSpec {
    spec(&["/bin/sh", "-c", text])
}

/// All that a finished server said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) ended: Ended,
}

/// Runs `spec` to its end, with empty standard input.
pub(crate) async fn run(driver: &impl Driver, spec: SandboxSpec) -> Said {
    let mut sandbox = driver.start(spec).await.unwrap_or_else(|error| panic!("{error}"));
    let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().unwrap();
    drop(stdin);
    sandbox.close_stdin();
    let reading = tokio::task::spawn_blocking(move || (read_all(stdout), read_all(stderr)));
    let ended = tokio::time::timeout(Duration::from_secs(30), sandbox.ended()).await.expect("it ends");
    let (stdout, stderr) = reading.await.unwrap();
    Said { stdout, stderr, ended }
}

/// Reads a pipe to its end.
pub(crate) fn read_all(pipe: OwnedFd) -> String {
    let mut pipe = blocking(pipe);
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A pipe's end that waits.
pub(crate) fn blocking(pipe: OwnedFd) -> File {
    rustix::fs::fcntl_setfl(&pipe, rustix::fs::OFlags::empty()).unwrap();
    File::from(pipe)
}

/// One line from a pipe.
pub(crate) fn read_line(pipe: &mut File) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match pipe.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend(byte),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8(line).unwrap()
}

/// Writes a line to a pipe.
pub(crate) fn write_line(pipe: &mut File, line: &str) {
    pipe.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Waits until `done`, for `patience` at most. The condition is the synchronisation; the pause only saves the processor.
pub(crate) fn eventually(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    done()
}

/// A fresh directory of the host that any user may enter.
pub(crate) fn host_directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("sessile-test-").tempdir().unwrap()
}

/// The directory's path without symbolic links.
pub(crate) fn real(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().canonicalize().unwrap()
}

/// A sandbox that says `ready` and waits.
pub(crate) async fn waiting(driver: &impl Driver, before: &str) -> (Sandbox, Pipes) {
    let text = format!("{before}\necho ready; while :; do sleep 1000; done");
    let mut sandbox = driver.start(script(&text)).await.unwrap_or_else(|error| panic!("{error}"));
    let pipes = sandbox.take_pipes().unwrap();
    let mut stdout = blocking(pipes.stdout.try_clone().unwrap());
    let line = tokio::task::spawn_blocking(move || read_line(&mut stdout)).await.unwrap();
    assert_eq!(line, "ready");
    (sandbox, pipes)
}

/// Whether the tests run as root; if not, as `rootless` runs them.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs one ignored test in a process of its own, to its end, which must be good.
pub(crate) fn alone(test: &str, env: &[(&str, &str)]) {
    let output = alone_in_background(test, env).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts one ignored test in a process of its own.
pub(crate) fn alone_in_background(test: &str, env: &[(&str, &str)]) -> std::process::Child {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).envs(env.iter().copied());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
}
