//! A running node: its servers, and the way from a caller to a session.

use crate::admission::{Admission, ServerLimits};
use crate::error::{OpenError, SessionError};
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::input::Input;
use crate::pump::{self, Outputs};
use crate::registry::{Found, Registry};
use crate::session::Session;
use crate::session_id::{SessionId, SessionName};
use crate::stop::StopReason;
use sessile_bridge::{Config, Transport};
use sessile_identity::Principal;
use sessile_protocol::Message;
use sessile_sandbox::{Pipes, Sandbox};
use sessile_telemetry::{Event, Telemetry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::unix::pipe;
use tokio_util::task::TaskTracker;

/// How often a draining node looks whether its sessions have finished.
const DRAIN_STEP: Duration = Duration::from_millis(20);
/// A stream connection that reads nothing for so long while the server waits is cut.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// What a client that was cut off is told to wait before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// Open requests of one server to its client.
const SERVER_REQUESTS: usize = 128;

/// One running `sessile serve`.
#[derive(Debug)]
pub struct Node {
    servers: BTreeMap<String, Arc<Hosted>>,
    pub(crate) registry: Arc<Registry>,
    admission: Arc<Admission>,
    telemetry: Telemetry,
    /// The pumps of all sessions.
    pumps: TaskTracker,
    draining: AtomicBool,
}

/// Bounds of a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Live sessions of all servers.
    pub sessions: u32,
    /// Ended sessions remembered.
    pub ended_sessions_kept: usize,
}

impl Node {
    /// A node that hosts `servers`.
    #[must_use]
    pub fn new(servers: Vec<Arc<Hosted>>, limits: NodeLimits, telemetry: Telemetry) -> Self {
        let servers: BTreeMap<_, _> = servers.into_iter().map(|server| (server.name().to_owned(), server)).collect();
        Self {
            servers,
            registry: Arc::new(Registry::new(limits.ended_sessions_kept)),
            admission: Admission::new(limits.sessions),
            telemetry,
            pumps: TaskTracker::new(),
            draining: AtomicBool::new(false),
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

    /// Opens a session with the client's `initialize` and returns the exchange that its answer comes on.
    ///
    /// The exchange *owns* the session until [`Exchange::release`]: a client that leaves before it learnt the
    /// session's id could never come back, so the session ends with it.
    ///
    /// # Errors
    /// When a limit is reached, the node is draining, or the server does not start.
    pub async fn open(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        initialize: Message,
    ) -> Result<Exchange, OpenError> {
        let session = self.start(server, principal, Transport::Streamable).await?;
        match session.post(vec![initialize]).await {
            Ok(Some(exchange)) => Ok(exchange.owning()),
            refused => {
                session.stop(StopReason::StartFailed);
                let reason = refused.err().map_or_else(|| "initialize has no id".to_owned(), |e| e.to_string());
                Err(OpenError::StartFailed { reason, stderr_tail: session.stderr.text() })
            }
        }
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
        self.start(server, principal, Transport::SingleStream).await
    }

    /// The session that `id` names for this caller.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] for unknown and ended sessions, and for those of somebody else.
    pub fn find(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        id: &SessionId,
    ) -> Result<Arc<Session>, SessionError> {
        match self.registry.find(server.name(), principal, id) {
            Found::Live(session) => match session.lock().stop {
                Some(reason) => Err(SessionError::NotFound { ended: Some(reason) }),
                None => Ok(Arc::clone(&session)),
            },
            Found::Ended(reason) => Err(SessionError::NotFound { ended: Some(reason) }),
            Found::Nothing => Err(SessionError::NotFound { ended: None }),
        }
    }

    async fn start(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        transport: Transport,
    ) -> Result<Arc<Session>, OpenError> {
        let began = Instant::now();
        if !self.is_accepting() {
            return Err(OpenError::Draining);
        }
        server.check_breaker()?;
        let limits = server.limits();
        let permit = self.admission.admit(
            server.shared_name(),
            principal,
            ServerLimits { sessions: limits.sessions, sessions_per_principal: limits.sessions_per_principal },
        )?;
        let no_randomness = |error: getrandom::Error| OpenError::NoRandomness(error.to_string());
        let id = SessionId::random().map_err(no_randomness)?;
        let name = SessionName::random().map_err(no_randomness)?;
        self.telemetry.emit(&Event::SessionStarting {
            server: server.name(),
            session: name.as_str(),
            principal: &principal.id().to_string(),
        });
        let started = server.start_sandbox(&name).await.and_then(|mut sandbox| {
            let pipes = sandbox.take_pipes().ok_or("the sandbox has no pipes")?;
            let (input, outputs) = open_pipes(pipes, limits.message.bytes() as usize)?;
            Ok((sandbox, input, outputs))
        });
        let (sandbox, input, outputs) = started.map_err(|reason| {
            server.start_failed(&reason);
            self.telemetry.emit(&Event::StartFailed { server: server.name(), session: name.as_str(), error: &reason });
            OpenError::StartFailed { reason, stderr_tail: String::new() }
        })?;
        let session = Arc::new(Session::new(
            id,
            name,
            Arc::clone(server),
            principal.clone(),
            bridge_config(limits, transport),
            input,
            self.telemetry.clone(),
            permit,
        ));
        self.telemetry.emit(&Event::SessionStarted {
            server: server.name(),
            session: session.name.as_str(),
            took: began.elapsed(),
        });
        self.registry.add(Arc::clone(&session));
        self.run(server, Arc::clone(&session), sandbox, outputs);
        Ok(session)
    }

    /// Gives a session its pump, and sees to it that its end is recorded.
    fn run(&self, server: &Arc<Hosted>, session: Arc<Session>, sandbox: Sandbox, outputs: Outputs) {
        let (server, registry) = (Arc::clone(server), Arc::clone(&self.registry));
        self.pumps.spawn(async move {
            let post_mortem = pump::run(Arc::clone(&session), sandbox, outputs).await;
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
            registry.end(&session, post_mortem);
            session.give_place_back();
        });
    }

    /// Opens no more sessions, lets calls in flight finish for at most `drain`, then ends every session and
    /// waits until nothing of them is left.
    pub async fn drain(&self, drain: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        let until = Instant::now() + drain;
        while Instant::now() < until && self.registry.live().iter().any(|session| session.calls().0 > 0) {
            tokio::time::sleep(DRAIN_STEP).await;
        }
        self.stop_all().await;
    }

    /// Ends every session at once and waits until nothing of them is left.
    pub async fn stop_all(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.pumps.close();
        loop {
            for session in self.registry.live() {
                session.stop(StopReason::NodeShutdown);
            }
            // A session that was being started when draining began may appear late.
            if tokio::time::timeout(DRAIN_STEP * 5, self.pumps.wait()).await.is_ok() {
                return;
            }
        }
    }
}

fn bridge_config(limits: &sessile_manifest::Limits, transport: Transport) -> Config {
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
        ..Config::default()
    }
}

fn open_pipes(pipes: Pipes, message_limit: usize) -> Result<(Input, Outputs), String> {
    let failed = |error: std::io::Error| format!("the server's pipes cannot be watched: {error}");
    let stdin = pipe::Sender::from_owned_fd(pipes.stdin).map_err(failed)?;
    let stdout = pipe::Receiver::from_owned_fd(pipes.stdout).map_err(failed)?;
    let stderr = pipe::Receiver::from_owned_fd(pipes.stderr).map_err(failed)?;
    // A whole message may wait, and as much again of smaller ones.
    let input = Input::new(stdin, message_limit.saturating_mul(2));
    Ok((input, Outputs { stdout, stderr }))
}
