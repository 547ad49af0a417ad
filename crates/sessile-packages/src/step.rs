//! One command of an installation, run in a sandbox of its own.

mod lines;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sessile_sandbox::view::{self, HostEnv, ViewError, ViewRequest};
use sessile_sandbox::{Driver, Exit, FileView, Limits, Network, SandboxId, SandboxSpec};
use tokio::time::{Instant, timeout_at};

use crate::settings::Settings;
use crate::tail::Tail;
use crate::{Event, InstallError, Progress};
use lines::Lines;

/// What the steps of one installation have in common.
pub(crate) struct Workshop<'a> {
    pub(crate) driver: &'a dyn Driver,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) host: &'a HostEnv,
    /// What to call the package in messages.
    pub(crate) package: &'a str,
    /// Where it is built, on the host.
    pub(crate) staging: &'a Path,
    /// Where it will lie, and where the steps see it: paths that tools write down must hold later.
    pub(crate) directory: &'a Path,
    /// When patience ends, and how much there was.
    pub(crate) deadline: Instant,
    pub(crate) patience: Duration,
}

/// A command, and what it sees and knows besides the program.
pub(crate) struct Step {
    /// For messages: "installing", "creating a virtual environment".
    pub(crate) name: &'static str,
    /// The tool, looked up as a server's program would be, and its arguments.
    pub(crate) command: Vec<String>,
    /// A program inside the installation to start instead of the tool, which still decides what is visible.
    pub(crate) inner: Option<PathBuf>,
    pub(crate) settings: Settings,
    pub(crate) network: Network,
}

/// A build may need much, and must not take the host down.
const MEMORY: u64 = 4 << 30;
const PIDS: u32 = 2048;

/// Tells the sandboxes of this process apart.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Said where the registry could not be reached.
const NO_NETWORK: [&str; 16] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "Failed to establish a new connection",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ProxyError",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Could not resolve host",
];
/// Said where the registry knows the package and not the caller.
const UNAUTHORISED: [&str; 7] = [
    "code E401",
    "code E403",
    "401 Unauthorized",
    "403 Forbidden",
    "401 Client Error",
    "403 Client Error",
    "401 Error",
];
/// Said where the registry has no such package or version.
const NOT_FOUND: [&str; 4] =
    ["code E404", "code ETARGET", "No matching distribution found", "code EINVALIDPACKAGENAME"];

impl Workshop<'_> {
    /// Runs a step to its end. What it says is reported line by line.
    pub(crate) async fn run(&self, step: Step, advice: &'static str) -> Result<(), InstallError> {
        let name = step.name;
        self.progress.report(&Event::Step { package: self.package, step: name });
        let network = step.network;
        let spec = self.spec(step, network).map_err(|(tool, source)| InstallError::NoTool {
            package: self.package.to_owned(),
            tool,
            advice,
            source: Box::new(source),
        })?;
        let mut tail = Tail::default();
        let package = || self.package.to_owned();
        match timeout_at(self.deadline, self.carry_out(spec, &mut tail)).await {
            Ok(Ok(Exit::Code(0))) => Ok(()),
            Ok(Ok(exit)) => Err(self.failure(name, exit, tail)),
            Ok(Err(source)) => Err(InstallError::Sandbox { package: package(), step: name, source }),
            Err(_) => Err(InstallError::Timeout { package: package(), step: name, after: self.patience, tail }),
        }
    }

    fn spec(&self, step: Step, network: Network) -> Result<SandboxSpec, (String, ViewError)> {
        let tool = step.command.first().cloned().unwrap_or_default();
        let mut also = vec![FileView::Writable { source: self.staging.into(), target: self.directory.into() }];
        also.extend(step.settings.files);
        let request = ViewRequest {
            command: step.command,
            host: self.host.clone(),
            read: step.settings.read,
            also,
            ..ViewRequest::default()
        };
        let mut view = view::resolve(&request).map_err(|error| (tool, error))?;
        if let (Some(inner), Some(program)) = (step.inner, view.command.first_mut()) {
            *program = inner.to_string_lossy().into_owned();
        }
        // Archives are unpacked on disk, not in memory.
        let scratch = self.scratch(self.directory).to_string_lossy().into_owned();
        let env = overlay(view.env, step.settings.env.into_iter().chain([("TMPDIR".to_owned(), scratch)]));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("install-{}-{count}", std::process::id());
        // Letters, digits and dashes, far below 64: it is a valid name.
        let id = SandboxId::new(name).map_err(|_| (String::new(), ViewError::NoCommand))?;
        Ok(SandboxSpec {
            env,
            cwd: self.directory.into(),
            files: view.files,
            limits: Limits { memory: Some(MEMORY), pids: Some(PIDS), open_files: 65_536, ..Limits::default() },
            network,
            hostname: "sessile-install".into(),
            orphan_grace: Duration::from_secs(2),
            ..SandboxSpec::new(id, view.command)
        })
    }

    /// Scratch space on the disk that the installation lies on. Goes before it is published.
    pub(crate) fn scratch(&self, directory: &Path) -> PathBuf {
        directory.join(".scratch")
    }

    async fn carry_out(&self, spec: SandboxSpec, tail: &mut Tail) -> Result<Exit, sessile_sandbox::StartError> {
        let mut sandbox = self.driver.start(spec).await?;
        let ended = sandbox.ended();
        let Some(pipes) = sandbox.take_pipes() else { return Ok(ended.await.exit) };
        // Nobody will answer questions.
        drop(pipes.stdin);
        sandbox.close_stdin();
        let relay = self.relay(Lines::new(pipes.stdout), Lines::new(pipes.stderr), tail);
        // Both streams end when the sandbox has: nothing is left then that could write.
        let ((), ended) = tokio::join!(relay, ended);
        Ok(ended.exit)
    }

    async fn relay(&self, stdout: Option<Lines>, stderr: Option<Lines>, tail: &mut Tail) {
        let mut streams = [stdout, stderr];
        while streams.iter().any(Option::is_some) {
            let [out, err] = &mut streams;
            let (at, lines) = tokio::select! {
                lines = next(out) => (0, lines),
                lines = next(err) => (1, lines),
            };
            let Some(lines) = lines else {
                // The index is 0 or 1.
                if let Some(stream) = streams.get_mut(at) {
                    *stream = None;
                }
                continue;
            };
            for line in lines.iter().filter(|line| !line.trim().is_empty()) {
                tail.push(line);
                self.progress.report(&Event::Output { line });
            }
        }
    }

    fn failure(&self, step: &'static str, exit: Exit, tail: Tail) -> InstallError {
        let package = self.package.to_owned();
        if tail.mentions(&NO_NETWORK) {
            InstallError::NoNetwork { package, tail }
        } else if tail.mentions(&UNAUTHORISED) {
            InstallError::Unauthorised { package, tail }
        } else if tail.mentions(&NOT_FOUND) {
            InstallError::NotFound { package, tail }
        } else {
            InstallError::Failed { package, step, exit, tail }
        }
    }
}

/// Each variable once; what comes later wins.
fn overlay(base: Vec<(String, String)>, over: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut env: BTreeMap<String, String> = base.into_iter().collect();
    env.extend(over);
    env.into_iter().collect()
}

/// The next lines of a stream that is still open; waits for ever on one that is not, so that the other is heard.
async fn next(stream: &mut Option<Lines>) -> Option<Vec<String>> {
    match stream {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
