//! One server of the manifest, ready to be started for session after session.

use crate::admission::{Amount, whole_millicores};
use crate::breaker::Breaker;
use crate::egress::{self, Reach};
use crate::error::OpenError;
use crate::estate::Estate;
use crate::memory::{Epoch, EraKind, Memory};
use crate::session::{RestKind, Retry, Session};
use crate::session_id::SessionName;
use crate::stop::{PostMortem, StopReason};
use crate::tools::ToolTables;
use crate::workspace::{HeldWorkspace, KeptWorkspaces};
use sessile_bridge::{ServerProfile, Transport};
use sessile_egress::{AllowList, Upstream};
use sessile_manifest::{Endpoint, Limits, Pool, Scope, Server, ServerEra, Tasks};
use sessile_sandbox::view::{HostEnv, View, WORKSPACE};
use sessile_sandbox::{Driver, FileView, Network, Sandbox, SandboxId, SandboxSpec};
use sessile_store::Workspaces;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Open files of one server process.
const OPEN_FILES: u64 = 4096;

/// How long clients of the modern era may keep what a legacy server lists, which says nothing about that itself.
const LIST_TTL: Duration = Duration::from_secs(60);

/// A server: how its sandboxes are made, within which limits, and whether it starts at all.
pub struct Hosted {
    name: Arc<str>,
    endpoint: Option<Endpoint>,
    limits: Limits,
    scope: Scope,
    handles: bool,
    era: ServerEra,
    serialize: bool,
    tasks: Tasks,
    pool: Pool,
    driver: Arc<dyn Driver>,
    launch: View,
    host: HostEnv,
    breaker: Mutex<Breaker>,
    noted: OnceLock<()>,
    memory: Memory,
    tools: ToolTables,
    reach: Option<Reach>,
    workspaces: Option<KeptWorkspaces>,
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosted").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Hosted {
    /// A server of the manifest that `driver` starts as `launch` says; `host` is where it was decided. What is found
    /// out about it is kept below `state_dir`.
    #[must_use]
    pub fn new(
        server: &Server,
        driver: Arc<dyn Driver>,
        launch: View,
        host: HostEnv,
        state_dir: Option<&Path>,
    ) -> Self {
        let name = server.name.as_str();
        Self {
            name: name.into(),
            endpoint: server.endpoint.clone(),
            limits: server.limits.clone(),
            scope: server.scope,
            handles: server.handles,
            era: server.era,
            serialize: server.serialize,
            tasks: server.tasks,
            pool: server.pool,
            memory: Memory::new(&launch, state_dir, name),
            driver,
            launch,
            host,
            breaker: Mutex::default(),
            noted: OnceLock::new(),
            tools: ToolTables::default(),
            reach: None,
            workspaces: None,
        }
    }

    /// The same server, whose principals each keep a workspace in `store`. Its driver must isolate, and its pool be empty: nobody
    /// knows yet whose a warm sandbox will be.
    #[must_use]
    pub fn keeping(mut self, store: Workspaces) -> Self {
        self.workspaces = Some(KeptWorkspaces::new(store, self.limits.disk.bytes()));
        self
    }

    /// Where its principals' workspaces are, if they keep any.
    pub(crate) fn workspaces(&self) -> Option<&KeptWorkspaces> {
        self.workspaces.as_ref()
    }

    /// The same server, whose sessions may reach what `allow` lists, through a gate of each, and through the proxy `upstream` if
    /// there is one. With the empty list, there is no gate. Its driver must isolate.
    #[must_use]
    pub fn reaching(mut self, allow: AllowList, upstream: Option<Upstream>) -> Self {
        self.reach = Some(Reach::of(allow, upstream));
        self
    }

    /// From now on, its sessions may reach what `allow` lists, those that run with a gate, too. `false` if that is nothing new.
    pub fn allow(&self, allow: AllowList) -> bool {
        self.reach.as_ref().is_some_and(|reach| reach.change(allow))
    }

    /// Whether its sessions may reach anything of the network now.
    #[must_use]
    pub fn reaches_anything(&self) -> bool {
        self.reach().is_some()
    }

    /// What a sandbox that is started now may reach, if anything.
    pub(crate) fn reach(&self) -> Option<&Reach> {
        self.reach.as_ref().filter(|reach| reach.is_open())
    }

    /// Its name in the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it listens, if it speaks HTTP inside its sandbox.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// Whether each of its sandboxes has a network of its own.
    pub(crate) fn has_own_ports(&self) -> bool {
        self.isolation() != "none"
    }

    /// Requests that may be open at its server at once: those in flight, those that are on their way out or wait for their
    /// clients, and the runtime's own.
    pub(crate) fn open_requests(&self) -> usize {
        const OWN: usize = 64;
        (self.limits.in_flight as usize).saturating_mul(4).saturating_add(OWN)
    }

    /// The limits of its sessions.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which session a modern request belongs to that names none.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether tools take handles.
    pub(crate) fn handles(&self) -> bool {
        self.handles
    }

    /// What it speaks, as far as the manifest says.
    pub(crate) fn era(&self) -> ServerEra {
        self.era
    }

    /// Whether it takes one call at a time.
    pub(crate) fn serialize(&self) -> bool {
        self.serialize
    }

    /// When calls become tasks.
    pub(crate) fn tasks(&self) -> Tasks {
        self.tasks
    }

    /// How many of its sandboxes are started ahead of need.
    pub(crate) fn pool(&self) -> Pool {
        self.pool
    }

    /// What a session takes of what the node has.
    pub(crate) fn amount(&self) -> Amount {
        Amount { sessions: 1, memory: self.limits.memory.bytes(), millicores: whole_millicores(self.limits.cpu) }
    }

    /// How long clients may keep a list that says nothing about that.
    pub(crate) fn list_ttl(&self) -> Duration {
        LIST_TTL
    }

    /// What is remembered of it.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What its calls are checked against.
    pub(crate) fn tool_tables(&self) -> &ToolTables {
        &self.tools
    }

    /// Who it is, in the era that it is opened in for modern clients.
    pub(crate) fn known_profile(&self) -> Option<Arc<ServerProfile>> {
        let is_modern = match self.era {
            ServerEra::Legacy => false,
            ServerEra::Modern => true,
            ServerEra::Auto => self.memory.eras().modern?,
        };
        self.memory.profile(if is_modern { EraKind::Modern } else { EraKind::Legacy })
    }

    /// Learns from a session that was opened.
    pub(crate) fn opened_as(&self, since: Epoch, profile: &Arc<ServerProfile>) {
        self.initialized();
        self.memory.learn_profile(since, Arc::clone(profile));
    }

    /// Learns that a session could not be opened in an era.
    pub(crate) fn does_not_speak(&self, since: Epoch, era: EraKind) {
        self.memory.learn_era(since, era, false);
    }

    /// Whether a modern server's own state, and nothing else, is what a retry needs.
    pub(crate) fn goes_on_anywhere(&self, retry: &Retry) -> bool {
        retry.inner.is_some() || self.memory.eras().modern == Some(true)
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

    /// Whether nothing holds its starts back.
    pub(crate) fn is_breaker_closed(&self) -> bool {
        self.breaker().is_closed()
    }

    /// What a session leaves to the next runtime, where its driver keeps such things.
    pub(crate) fn new_estate(&self) -> Result<Option<Arc<Estate>>, String> {
        if !self.driver.keeps_estates() {
            return Ok(None);
        }
        let estate = Estate::new(self.message_limit());
        estate
            .map(|estate| Some(Arc::new(estate)))
            .map_err(|error| format!("no memory for the session's record: {error}"))
    }

    /// How its sessions rest, if they can and may; on the disk only where there `is_room` for it.
    pub(crate) fn rest_kind(&self, is_room: bool, transport: Transport) -> Option<RestKind> {
        if self.limits.hibernate_after.is_some_and(|after| after.is_zero()) {
            return None;
        }
        // A conversation over HTTP is gone on with from the record alone, which only an estate keeps. A workspace is not written down with
        // its sandbox; nor is a client's one stream.
        let goes_on = self.endpoint.is_none() || self.driver.keeps_estates();
        let is_whole = goes_on && self.workspaces.is_none() && transport != Transport::SingleStream;
        if self.driver.hibernates() && is_room && is_whole {
            return Some(RestKind::Disk);
        }
        self.driver.freezes().then_some(RestKind::Freeze)
    }

    /// When its sessions rest by themselves.
    pub(crate) fn hibernate_after(&self, kind: Option<RestKind>) -> Option<Duration> {
        let limits = &self.limits;
        let default = (kind == Some(RestKind::Disk)).then_some(limits.idle_timeout);
        limits.hibernate_after.or(default).filter(|after| !after.is_zero())
    }

    /// The driver of its sandboxes.
    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    /// Starts a sandbox for the session called `name`, which keeps `estate`, with the workspace that its principal keeps, if it has one, and a gate if
    /// `network` says so.
    pub(crate) async fn start_sandbox(
        &self,
        name: &SessionName,
        estate: Option<&Estate>,
        workspace: Option<&HeldWorkspace>,
        network: Network,
    ) -> Result<Sandbox, String> {
        let spec = self.spec(name, estate, workspace, network)?;
        let sandbox = self.driver.start(spec).await.map_err(|error| error.to_string())?;
        if let Some(workspace) = workspace {
            let told = |error: std::io::Error| format!("the lease of the workspace cannot be written: {error}");
            workspace.record(sandbox.pid()).map_err(told)?;
        }
        // The same for every session of a server: said once.
        if !sandbox.notes().is_empty() && self.noted.set(()).is_ok() {
            for note in sandbox.notes() {
                tracing::warn!(target: "sessile::runtime", server = &*self.name, note, "less than was asked for");
            }
        }
        Ok(sandbox)
    }

    /// Has its driver get ready for sessions to come. Those say themselves what is wrong with them.
    pub(crate) async fn prepare(&self) {
        if let Ok(name) = SessionName::random()
            && let Ok(spec) = self.spec(&name, None, None, Network::Loopback)
        {
            self.driver.prepare(spec).await;
        }
    }

    /// What the sandbox of a session is to be.
    pub(crate) fn spec(
        &self,
        name: &SessionName,
        estate: Option<&Estate>,
        workspace: Option<&HeldWorkspace>,
        network: Network,
    ) -> Result<SandboxSpec, String> {
        let mut env = self.launch.env.clone();
        if network == Network::Gate {
            egress::point_at_gate(&mut env);
        }
        let id = SandboxId::new(name.as_str()).map_err(|error| error.to_string())?;
        Ok(SandboxSpec {
            id,
            command: self.launch.command.clone(),
            env,
            cwd: self.launch.cwd.clone(),
            files: self.files(workspace),
            limits: sessile_sandbox::Limits {
                memory: Some(self.limits.memory.bytes()),
                cpu: Some(self.limits.cpu),
                pids: Some(self.limits.pids),
                disk: Some(self.limits.disk.bytes()),
                open_files: OPEN_FILES,
            },
            network,
            hostname: "sessile".to_owned(),
            orphan_grace: self.limits.adopt_grace,
            estate: estate.map(Estate::file),
            kept: None,
            held: workspace.and_then(HeldWorkspace::descriptor),
            given: Vec::new(),
            note: None,
            start_timeout: self.limits.start_timeout,
        })
    }

    /// What a sandbox sees.
    fn files(&self, workspace: Option<&HeldWorkspace>) -> Vec<FileView> {
        let mut files = self.launch.files.clone();
        if let Some(workspace) = workspace {
            let target = PathBuf::from(WORKSPACE);
            files.retain(|view| *view.target() != target);
            files.push(FileView::Writable { source: workspace.files(), target });
        }
        files
    }

    pub(crate) fn start_failed(&self, why: &str) {
        self.breaker().failed(Instant::now(), why);
    }

    /// Learns from the end of a session whether the server starts at all. A refusal of one client's
    /// `initialize` says nothing about that.
    pub(crate) fn session_ended(&self, session: &Session, end: &PostMortem) {
        if session.was_opened() {
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
