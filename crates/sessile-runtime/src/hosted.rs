//! One server of the manifest, ready to be started for session after session.

use crate::breaker::Breaker;
use crate::error::OpenError;
use crate::session::Session;
use crate::session_id::SessionName;
use crate::stop::{PostMortem, StopReason};
use sessile_manifest::Limits;
use sessile_sandbox::view::{HostEnv, View};
use sessile_sandbox::{Driver, Network, Sandbox, SandboxId, SandboxSpec};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Open files of one server process.
const OPEN_FILES: u64 = 4096;

/// A server: how its sandboxes are made, within which limits, and whether it starts at all.
pub struct Hosted {
    name: Arc<str>,
    limits: Limits,
    driver: Arc<dyn Driver>,
    launch: View,
    host: HostEnv,
    breaker: Mutex<Breaker>,
    noted: OnceLock<()>,
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosted").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Hosted {
    /// A server that `driver` starts as `launch` says; `host` is where it was decided.
    #[must_use]
    pub fn new(name: &str, limits: Limits, driver: Arc<dyn Driver>, launch: View, host: HostEnv) -> Self {
        Self { name: name.into(), limits, driver, launch, host, breaker: Mutex::default(), noted: OnceLock::new() }
    }

    /// Its name in the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The limits of its sessions.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Longest message in either direction, in bytes.
    #[must_use]
    pub fn message_limit(&self) -> usize {
        usize::try_from(self.limits.message.bytes()).unwrap_or(usize::MAX)
    }

    /// What runs, as the sandbox sees it.
    #[must_use]
    pub fn command(&self) -> &[String] {
        &self.launch.command
    }

    /// Which driver isolates it.
    #[must_use]
    pub fn isolation(&self) -> &'static str {
        self.driver.capabilities().driver
    }

    pub(crate) fn check_breaker(&self) -> Result<(), OpenError> {
        self.breaker()
            .check(Instant::now())
            .map_err(|open| OpenError::BreakerOpen { retry_after: open.retry_after, reason: open.last_failure })
    }

    /// Starts a sandbox for the session called `name`.
    pub(crate) async fn start_sandbox(&self, name: &SessionName) -> Result<Sandbox, String> {
        let id = SandboxId::new(name.as_str()).map_err(|error| error.to_string())?;
        let spec = SandboxSpec {
            id,
            command: self.launch.command.clone(),
            env: self.launch.env.clone(),
            cwd: self.launch.cwd.clone(),
            files: self.launch.files.clone(),
            limits: sessile_sandbox::Limits {
                memory: Some(self.limits.memory.bytes()),
                cpu: Some(self.limits.cpu),
                pids: Some(self.limits.pids),
                disk: Some(self.limits.disk.bytes()),
                open_files: OPEN_FILES,
            },
            network: Network::Loopback,
            hostname: "sessile".to_owned(),
            orphan_grace: self.limits.adopt_grace,
            start_timeout: self.limits.start_timeout,
        };
        let sandbox = self.driver.start(spec).await.map_err(|error| error.to_string())?;
        // The same for every session of a server: said once.
        if !sandbox.notes().is_empty() && self.noted.set(()).is_ok() {
            for note in sandbox.notes() {
                tracing::warn!(target: "sessile::runtime", server = &*self.name, note, "less than was asked for");
            }
        }
        Ok(sandbox)
    }

    pub(crate) fn start_failed(&self, why: &str) {
        self.breaker().failed(Instant::now(), why);
    }

    /// Learns from the end of a session whether the server starts at all. A refusal of one client's
    /// `initialize` says nothing about that.
    pub(crate) fn session_ended(&self, session: &Session, end: &PostMortem) {
        if session.version().is_some() {
            return;
        }
        let died = matches!(
            end.reason,
            StopReason::StartTimeout | StopReason::ServerExit | StopReason::OutOfMemory | StopReason::ProtocolViolation
        );
        if died {
            let last = end.stderr_tail.lines().last().unwrap_or_default();
            self.start_failed(&format!("{} ({}) {last}", end.reason.as_str(), end.exit));
        }
    }

    /// The server answered an `initialize`: it starts.
    pub(crate) fn initialized(&self) {
        self.breaker().succeeded();
    }

    /// What a stopped server may have missed of the host, in words, if anything.
    pub(crate) fn missing_paths(&self, stderr_tail: &str) -> Option<String> {
        let missing = sessile_sandbox::view::explain_failed_start(&self.launch, &self.host, stderr_tail);
        (!missing.is_empty()).then(|| missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
