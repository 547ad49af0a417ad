//! What the tests of installations share: a driver, a store in a temporary directory, and a way to start what was
//! installed as a session would.
#![allow(dead_code)] // each test uses its part
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // test code, although no function here is a test

pub(crate) mod registry;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sessile_packages::{Event, InstallError, Installed, PackageRequest, Progress, Store, recognise};
use sessile_sandbox::view::{self, HostEnv, ViewRequest};
use sessile_sandbox::{
    BoxFuture, Capabilities, Driver, ProcessConfig, Sandbox, SandboxId, SandboxSpec, StartError, process_driver,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

/// Tells the sandboxes of a test apart.
static STARTED: AtomicU32 = AtomicU32::new(0);
/// Long enough for a slow start on two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Workbench {
    pub(crate) state: tempfile::TempDir,
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) host: HostEnv,
    pub(crate) said: Said,
}

/// Keeps what an installation reports.
#[derive(Default)]
pub(crate) struct Said(Mutex<Vec<String>>);

impl Said {
    pub(crate) fn count(&self, words: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(words)).count()
    }
}

impl Progress for Said {
    fn report(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.to_string());
    }
}

impl Workbench {
    /// With this process's environment, and some variables otherwise. An empty value unsets.
    pub(crate) fn new(vars: &[(&str, &str)]) -> Self {
        let process = HostEnv::from_process();
        let host = process
            .iter()
            .filter(|(name, _)| !vars.iter().any(|(set, _)| set == name))
            .chain(vars.iter().copied())
            .collect();
        let driver = process_driver(ProcessConfig::default()).unwrap();
        Self { state: tempfile::tempdir().unwrap(), driver: Box::new(driver), host, said: Said::default() }
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.state.path(), self.host.clone())
    }

    pub(crate) async fn ensure(&self, line: &str) -> Result<Installed, InstallError> {
        self.store().ensure(&request(line), self.driver.as_ref(), &self.said).await
    }

    /// The names in the store's staging directory.
    pub(crate) fn staging(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state.path().join("packages/.staging")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    /// Starts a program as a session does, without any network, and gives its first line after `said` was sent to it.
    pub(crate) async fn first_line(&self, installed: &Installed, cwd: Option<&Path>, said: &str) -> String {
        let request = ViewRequest {
            command: installed.command.clone(),
            cwd: cwd.map(Into::into),
            host: self.host.clone(),
            also: installed.files.clone(),
            conceal: vec![self.state.path().into()],
            ..ViewRequest::default()
        };
        let view = view::resolve(&request).unwrap();
        let spec = SandboxSpec {
            env: [view.env, installed.env.clone()].concat(),
            cwd: view.cwd,
            files: view.files,
            hostname: "test".into(),
            orphan_grace: Duration::from_secs(2),
            start_timeout: Duration::from_secs(20),
            ..SandboxSpec::new(
                SandboxId::new(format!("test-{}", STARTED.fetch_add(1, Ordering::Relaxed))).unwrap(),
                view.command,
            )
        };
        let mut sandbox = self.driver.start(spec).await.unwrap();
        let pipes = sandbox.take_pipes().unwrap();
        let mut stdin = pipe::Sender::from_owned_fd_unchecked(pipes.stdin).unwrap();
        let mut stdout = BufReader::new(pipe::Receiver::from_owned_fd_unchecked(pipes.stdout).unwrap());
        let mut stderr = BufReader::new(pipe::Receiver::from_owned_fd_unchecked(pipes.stderr).unwrap()).lines();
        stdin.write_all(format!("{said}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        let relay = async {
            while let Ok(Some(line)) = stderr.next_line().await {
                println!("stderr: {line}");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            read = stdout.read_line(&mut line) => drop(read.unwrap()),
            () = relay => {}
            () = tokio::time::sleep(PATIENCE) => panic!("no answer"),
        }
        line
    }
}

/// The request of a command line.
pub(crate) fn request(line: &str) -> PackageRequest {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    recognise(&words, None).unwrap().unwrap()
}

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"0"}}}"#;

/// A driver that starts nothing: what works with it needs no sandbox, and so no resolver and no network.
#[derive(Debug)]
pub(crate) struct Refusing(Capabilities);

impl Refusing {
    pub(crate) fn like(driver: &dyn Driver) -> Self {
        Self(driver.capabilities().clone())
    }
}

impl Driver for Refusing {
    fn start(&self, _: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(async { Err(StartError::InvalidSpec { what: "nothing is to be started".into() }) })
    }

    fn capabilities(&self) -> &Capabilities {
        &self.0
    }
}
