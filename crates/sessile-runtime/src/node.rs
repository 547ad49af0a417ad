//! A running node: its servers, and the way from a caller to a session.

use crate::admission::{Admission, Budgets, Patience, whole_millicores};
use crate::book::Book;
use crate::chronicle::Chronicle;
use crate::egress;
use crate::error::{OpenError, SessionError};
use crate::hosted::Hosted;
use crate::names::Names;
use crate::pool::Pools;
use crate::pump::{self, Life, Outputs};
use crate::record::{Identity, Moment, Owner};
use crate::registry::{EndedSession, Found, Registry};
use crate::session::{self, Counterpart, Session, Span, Visit};
use crate::session_id::{SessionId, SessionName};
use crate::sleep::{Awake, Dormitory, HibernationPlace};
use crate::started::Started;
use crate::starting::Ready;
use crate::states::unix_millis;
use crate::stop::StopReason;
use crate::tasks::TaskDesk;
use crate::workspace::HeldWorkspace;
use sessile_bridge::{Bridge, Config, Transport};
use sessile_identity::Principal;
use sessile_sandbox::Sandbox;
use sessile_store::{Ledger, Sealer};
use sessile_telemetry::{Event, Telemetry};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How often a draining node looks whether its sessions have finished.
const DRAIN_STEP: Duration = Duration::from_millis(20);
/// A stream connection that reads nothing for so long while the server waits is cut.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// What a client that was cut off is told to wait before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// Open requests of one server to its client.
const SERVER_REQUESTS: usize = 128;

/// One running `sessile serve`. Clones are the same node.
#[derive(Clone, Debug)]
pub struct Node(Arc<NodeParts>);

impl std::ops::Deref for Node {
    type Target = NodeParts;

    fn deref(&self) -> &NodeParts {
        &self.0
    }
}

/// What a node consists of.
#[derive(Debug)]
pub struct NodeParts {
    servers: BTreeMap<String, Arc<Hosted>>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) admission: Arc<Admission>,
    /// Sandboxes that are started ahead of need.
    pub(crate) pools: Pools,
    /// Sessions by the names that modern requests call them by.
    pub(crate) names: Names,
    /// Seals request states, and opens them.
    pub(crate) sealer: Sealer,
    /// What outlives the node.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// Writes sessions down in the ledger.
    pub(crate) chronicle: Option<Arc<Chronicle>>,
    /// Where sessions sleep.
    pub(crate) dormitory: Option<Arc<Dormitory>>,
    pub(crate) telemetry: Telemetry,
    /// The pumps of all sessions, and those who wait for the ends of operators' commands.
    pub(crate) pumps: TaskTracker,
    draining: AtomicBool,
}

/// Bounds of a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Live sessions of all servers.
    pub sessions: u32,
    /// Memory that all sessions may have together, in bytes, each counting with its limit.
    pub memory: Option<u64>,
    /// Processors likewise, in cores.
    pub cpu: Option<f64>,
    /// Starts that may wait for room.
    pub queue: usize,
    /// How long each may.
    pub queue_timeout: Duration,
    /// Ended sessions remembered.
    pub ended_sessions_kept: usize,
}

/// What a node keeps beyond its own life.
#[derive(Debug)]
pub struct Keeping {
    /// Seals request states; with keys on disk, what was sealed before a restart is good after it.
    pub sealer: Sealer,
    /// Keeps sessions and tasks; `None` where nothing can be kept, or is to be.
    pub ledger: Option<Ledger>,
    /// Where sessions are hibernated; of no use without a ledger. `None` where none is to be.
    pub hibernation: Option<HibernationPlace>,
}

/// What a session is started for.
pub(crate) struct Start<'a> {
    pub(crate) server: &'a Arc<Hosted>,
    pub(crate) owner: &'a Principal,
    pub(crate) span: Span,
    pub(crate) transport: Transport,
    /// Whom its request states are given to, if it gives any.
    pub(crate) caller: Option<&'a Principal>,
}

impl Node {
    /// A node that hosts `servers`. What it keeps beyond its own life is in `keeping`. Must be called inside a tokio
    /// runtime, in which the pools of the servers are kept.
    #[must_use]
    pub fn new(servers: Vec<Arc<Hosted>>, limits: NodeLimits, keeping: Keeping, telemetry: Telemetry) -> Self {
        let servers: BTreeMap<_, _> = servers.into_iter().map(|server| (server.name().to_owned(), server)).collect();
        let budgets =
            Budgets { sessions: limits.sessions, memory: limits.memory, millicores: limits.cpu.map(whole_millicores) };
        let patience = Patience { starts: limits.queue, timeout: limits.queue_timeout };
        let admission = Admission::new(budgets, patience, telemetry.clone());
        let registry = Arc::new(Registry::new(limits.ended_sessions_kept));
        let pools = Pools::new(servers.values(), &admission, &registry, &telemetry);
        let ledger = keeping.ledger.map(Arc::new);
        let chronicle = ledger.as_ref().map(|ledger| Arc::new(Chronicle::new(Arc::clone(ledger))));
        let dormitory = ledger.clone().zip(keeping.hibernation);
        let dormitory = dormitory.map(|(ledger, place)| Arc::new(Dormitory::new(ledger, place)));
        Self(Arc::new(NodeParts {
            servers,
            registry,
            admission,
            pools,
            names: Names::default(),
            sealer: keeping.sealer,
            ledger,
            chronicle,
            dormitory,
            telemetry,
            pumps: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Rotates keys that are due, and forgets tasks that are over. To be called about once an hour; it waits for the
    /// disk.
    pub fn tidy(&self) {
        let now = unix_millis();
        if let Err(error) = self.sealer.rotate_if_due(now) {
            tracing::error!(target: "sessile::runtime", %error, "the keys of request states stay as they are");
        }
        if let Some(Err(error)) = self.ledger.as_ref().map(|ledger| ledger.forget_expired(now)) {
            tracing::error!(target: "sessile::runtime", %error, "old tasks cannot be forgotten");
        }
        if let Some(Err(error)) = self.chronicle.as_ref().map(|chronicle| chronicle.tidy()) {
            tracing::error!(target: "sessile::runtime", %error, "old sessions cannot be forgotten");
        }
    }

    /// Gets ready for sessions to come, where that makes their starts faster. Beside everything else, and of no consequence if it is
    /// given up.
    pub async fn prepare(&self) {
        for server in self.servers.values() {
            server.prepare().await;
        }
    }

    /// The server called `name`.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<Arc<Hosted>> {
        self.servers.get(name).cloned()
    }

    /// All servers, by name.
    #[must_use]
    pub fn servers(&self) -> &BTreeMap<String, Arc<Hosted>> {
        &self.servers
    }

    /// Whether new sessions are opened.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.draining.load(Ordering::Relaxed)
    }

    /// Starts a session whose every answer goes out on one stream (HTTP+SSE of 2024-11-05).
    ///
    /// # Errors
    /// As [`Node::open`].
    pub async fn start_single_stream(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
    ) -> Result<Arc<Session>, OpenError> {
        let start =
            Start { server, owner: principal, span: Span::Idle, transport: Transport::SingleStream, caller: None };
        self.start(start, |config, _, _| Bridge::relay(config)).await
    }

    /// The session that `id` names for this caller, awake for as long as the result lives. One that sleeps is woken.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] for unknown and ended sessions, and for those of somebody else; [`SessionError::NotWoken`] if it
    /// sleeps on, to be woken by a later request.
    pub async fn find(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        id: &SessionId,
    ) -> Result<Visit, SessionError> {
        match self.awake(server.name(), principal, id).await? {
            Awake::Live(visit) if !visit.takes_legacy() => Err(SessionError::NotFound { ended: None }),
            Awake::Live(visit) => {
                let ended = visit.lock().stop;
                if ended.is_some() { Err(SessionError::NotFound { ended }) } else { Ok(visit) }
            }
            Awake::Ended(reason) => Err(SessionError::NotFound { ended: Some(reason) }),
            Awake::Nothing => Err(SessionError::NotFound { ended: self.ended_before(server, principal, id) }),
        }
    }

    /// Ends the session that `id` names for this caller, whether it runs or sleeps.
    ///
    /// # Errors
    /// [`SessionError::NotFound`], as for [`find`](Self::find).
    pub async fn end(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        id: &SessionId,
        reason: StopReason,
    ) -> Result<(), SessionError> {
        match self.registry.find(server.name(), principal, id) {
            Found::Live(session) if session.takes_legacy() && session.lock().stop.is_none() => {
                session.stop(reason);
                Ok(())
            }
            Found::Live(session) => Err(SessionError::NotFound { ended: session.lock().stop }),
            Found::Asleep(asleep) if !asleep.is_modern() => {
                self.end_asleep(&asleep, reason, None).await;
                Ok(())
            }
            Found::Asleep(_) => Err(SessionError::NotFound { ended: None }),
            Found::Ended(reason) => Err(SessionError::NotFound { ended: Some(reason) }),
            Found::Nothing => Err(SessionError::NotFound { ended: self.ended_before(server, principal, id) }),
        }
    }

    /// How a session of an earlier node ended, if this caller had it.
    pub(crate) fn ended_before(&self, server: &Hosted, principal: &Principal, id: &SessionId) -> Option<StopReason> {
        self.chronicle.as_ref()?.end_of(server.name(), principal.id().as_str(), id)
    }

    /// Starts a session: a place, a sandbox, and the bridge that `bridge` makes for it.
    pub(crate) async fn start(
        &self,
        start: Start<'_>,
        bridge: impl FnOnce(Config, &SessionId, &SessionName) -> Bridge,
    ) -> Result<Arc<Session>, OpenError> {
        let Start { server, owner: principal, span, transport, caller } = start;
        let began = Instant::now();
        if !self.is_accepting() {
            return Err(OpenError::Draining);
        }
        server.check_breaker()?;
        let Ready { started, permit, workspace, kind } = self.ready(server, principal).await?;
        let Started { name, since, sandbox, estate, input, outputs, stderr, way_out } = started;
        let id = SessionId::random().map_err(|error| OpenError::NoRandomness(error.to_string()))?;
        let bridge = bridge(bridge_config(server, transport), &id, &name);
        let opened = Instant::now();
        let identity = Identity {
            id: id.expose().to_owned(),
            name: name.to_string(),
            server: server.name().to_owned(),
            owner: Owner::of(principal),
            caller: caller.map(|caller| caller.id().to_string()),
            span,
            transport,
            opened: Moment::of(opened),
        };
        let book = estate.map(|estate| Book::new(estate, &identity)).transpose();
        let book =
            book.map_err(|error| OpenError::StartFailed { reason: error.to_string(), stderr_tail: String::new() })?;
        let tasks = self.task_desk(server);
        let rest_kind = server.rest_kind(self.dormitory.is_some(), transport);
        let counterpart = Counterpart { caller: caller.map(|caller| caller.id().to_string()), transport };
        let parts = session::Parts {
            id,
            name,
            hosted: Arc::clone(server),
            principal: principal.clone(),
            opened,
            span,
            tasks,
            telemetry: self.telemetry.clone(),
            permit,
            stderr,
            since,
            book,
            rest_kind,
            counterpart,
        };
        let session = Arc::new(Session::new(parts, bridge, input));
        self.telemetry.emit(&Event::SessionStarted {
            server: server.name(),
            session: session.name.as_str(),
            took: began.elapsed(),
            kind,
        });
        self.registry.add(Arc::clone(&session));
        let gate = way_out.and_then(|way_out| way_out.open(&session));
        self.run(server, Arc::clone(&session), sandbox, workspace, gate, outputs);
        // A bridge that opens its server itself has something to say before anything has happened.
        session.step(|_| ());
        Ok(session)
    }

    /// Where a session of `server` keeps its tasks, if it makes any.
    pub(crate) fn task_desk(&self, server: &Hosted) -> Option<TaskDesk> {
        let ledger = self.ledger.as_ref().filter(|_| server.tasks().promote_after.is_some());
        ledger.map(|ledger| TaskDesk::new(Arc::clone(ledger), server.tasks().keep))
    }

    /// Gives a session its pump, and sees to it that its end is recorded.
    pub(crate) fn run(
        &self,
        server: &Arc<Hosted>,
        session: Arc<Session>,
        sandbox: Sandbox,
        workspace: Option<HeldWorkspace>,
        gate: Option<AbortOnDropHandle<()>>,
        outputs: Outputs,
    ) {
        let (server, node) = (Arc::clone(server), self.clone());
        if let Some(chronicle) = &self.chronicle {
            chronicle.started(&session);
        }
        self.pumps.spawn(async move {
            let mut life = pin!(pump::run(Arc::clone(&session), sandbox, outputs, &node));
            let life = match &workspace {
                Some(workspace) => tokio::select! {
                    life = &mut life => life,
                    () = workspace.watch(&session) => life.await,
                },
                None => life.await,
            };
            // Nothing of the sandbox is left.
            drop(workspace);
            egress::close(gate).await;
            let post_mortem = match life {
                Life::Ended(post_mortem) => post_mortem,
                Life::Asleep(asleep, took) => return node.put_to_bed(&session, *asleep, took).await,
            };
            server.session_ended(&session, &post_mortem);
            session.telemetry.emit(&Event::SessionEnded {
                server: &session.server,
                session: session.name.as_str(),
                reason: post_mortem.reason.as_str(),
                exit: &post_mortem.exit,
                lived: Duration::from_millis(post_mortem.lived_ms),
                cpu: Duration::from_millis(post_mortem.cpu_ms),
                memory_peak: post_mortem.memory_peak,
            });
            let ended = EndedSession::of(&session, post_mortem);
            if let Some(chronicle) = &node.chronicle {
                chronicle.ended(&ended);
            }
            node.registry.end(&session, ended);
            session.give_place_back();
        });
    }

    /// Opens no more sessions, lets calls in flight finish for at most `drain` (those that wait for their clients are
    /// not waited for), then ends every session and waits until nothing of them is left.
    pub async fn drain(&self, drain: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        self.admission.close();
        let until = Instant::now() + drain;
        self.pools.stop().await;
        while Instant::now() < until && self.registry.live().iter().any(|session| session.runs_calls()) {
            tokio::time::sleep(DRAIN_STEP).await;
        }
        self.hibernate_all(until).await;
        self.stop_all().await;
    }

    /// Ends every session at once and waits until nothing of them is left.
    pub async fn stop_all(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.admission.close();
        self.pools.stop().await;
        self.pumps.close();
        loop {
            for session in self.registry.live() {
                session.stop(StopReason::NodeShutdown);
            }
            // A session that was being started when draining began may appear late.
            if tokio::time::timeout(DRAIN_STEP * 5, self.pumps.wait()).await.is_ok() {
                break;
            }
        }
        self.put_away();
    }

    /// Leaves the sessions to the next process, which finds them as they are now. This one must end at once, without dropping
    /// anything.
    pub fn leave(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.admission.close();
        self.put_away();
    }

    /// Writes what is remembered to the disk.
    fn put_away(&self) {
        for server in self.servers.values() {
            server.memory().save();
        }
        if let Some(chronicle) = &self.chronicle {
            chronicle.close();
        }
    }
}

pub(crate) fn bridge_config(server: &Hosted, transport: Transport) -> Config {
    let limits = server.limits();
    Config {
        request_timeout: limits.request_timeout,
        stall_timeout: STALL_TIMEOUT,
        ring_bytes: usize::try_from(limits.replay_bytes.bytes()).unwrap_or(usize::MAX),
        ring_events: limits.replay_events as usize,
        retry: RETRY,
        // The session's places are the limit. The bridge also counts answers that are on their way out, whose places
        // are free already.
        in_flight: (limits.in_flight as usize).saturating_mul(2),
        server_requests: SERVER_REQUESTS,
        transport,
        connections: limits.get_streams as usize,
        park_timeout: limits.park_timeout,
        serialize: server.serialize(),
        promote_after: server.tasks().promote_after,
        task_ttl: server.tasks().keep,
        list_ttl: server.list_ttl(),
        ..Config::default()
    }
}
