//! One session: a bridge, the way to its server's stdin, and who waits for what.
//!
//! Everything that changes is in [`Core`] behind one short lock that is never held across an await. An HTTP
//! exchange locks it, hands its message to the bridge and, in the common case, writes to the server's pipe
//! right there; the pump (`pump.rs`) locks it for each message of the server and wakes the exchange that
//! waits. No channel and no task stands between the two.

use crate::admission::Permit;
use crate::error::SessionError;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::input::Input;
use crate::session_id::{SessionId, SessionName};
use crate::stderr::Tail;
use crate::stop::StopReason;
use sessile_bridge::{Action, Config, ConnectionId, Event, Record, Relay, Time};
use sessile_identity::Principal;
use sessile_protocol::error as code;
use sessile_protocol::{ErrorObject, LegacyVersion, Message};
use sessile_sandbox::{Sandbox, Usage};
use sessile_telemetry::Telemetry;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// How long a request waits for a place among those in flight.
const QUEUE_WAIT: Duration = Duration::from_secs(1);

/// A running instance of a server, owned by one principal.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: SessionId,
    pub(crate) name: SessionName,
    pub(crate) server: Arc<str>,
    pub(crate) hosted: Arc<Hosted>,
    pub(crate) principal: Principal,
    pub(crate) opened: Instant,
    pub(crate) limits: SessionLimits,
    pub(crate) telemetry: Telemetry,
    pub(crate) stderr: Arc<Tail>,
    /// Wakes the pump: input waits, a deadline moved closer, a stop is wanted, a backlog was read.
    pub(crate) pump: Notify,
    core: Mutex<Core>,
    places: Semaphore,
    /// Reads what the sandbox uses, while there is one.
    pub(crate) sandbox: Mutex<Weak<Sandbox>>,
    /// The place among the node's sessions; given back when the pump is through.
    permit: Mutex<Option<Permit>>,
}

/// The clocks and bounds of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    pub(crate) start_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) drain: Duration,
    pub(crate) in_flight: u32,
    pub(crate) message: usize,
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The server has not answered `initialize` yet.
    Starting,
    /// A request is in flight.
    Active,
    /// Nothing is in flight; the idle clock runs.
    Idle,
    /// It is ending; new messages are refused.
    Stopping,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) relay: Relay,
    pub(crate) input: Input,
    wakers: HashMap<ConnectionId, Waker>,
    next_connection: u64,
    last_active: Instant,
    /// When the pump's timer will ring; a closer deadline must wake the pump.
    pub(crate) armed: Option<Instant>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) calls: u64,
}

impl Session {
    #[allow(clippy::too_many_arguments, reason = "assembled in exactly one place")]
    pub(crate) fn new(
        id: SessionId,
        name: SessionName,
        hosted: Arc<Hosted>,
        principal: Principal,
        bridge: Config,
        input: Input,
        telemetry: Telemetry,
        permit: Permit,
    ) -> Self {
        let now = Instant::now();
        let in_flight = usize::try_from(hosted.limits().in_flight).unwrap_or(usize::MAX);
        Self {
            id,
            name,
            server: Arc::clone(hosted.shared_name()),
            limits: SessionLimits::of(hosted.limits()),
            hosted,
            principal,
            opened: now,
            telemetry,
            stderr: Arc::new(Tail::default()),
            pump: Notify::new(),
            core: Mutex::new(Core {
                relay: Relay::new(bridge),
                input,
                wakers: HashMap::new(),
                next_connection: 0,
                last_active: now,
                armed: None,
                stop: None,
                calls: 0,
            }),
            places: Semaphore::new(in_flight),
            sandbox: Mutex::default(),
            permit: Mutex::new(Some(permit)),
        }
    }

    /// What the client presents to reach this session.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The public name, for logs and listings.
    #[must_use]
    pub fn name(&self) -> &SessionName {
        &self.name
    }

    /// The protocol version that client and server agreed on; none before `initialize` was answered.
    #[must_use]
    pub fn version(&self) -> Option<LegacyVersion> {
        self.lock().relay.negotiated()
    }

    /// How long a connection of this session's streams stays open before its client is asked to come back; `None` for
    /// as long as it likes, and for clients that would not know to come back.
    #[must_use]
    pub fn stream_timeout(&self) -> Option<Duration> {
        let timeout = self.hosted.limits().stream_timeout;
        let polls = self.version().is_some_and(LegacyVersion::primes_streams);
        (polls && !timeout.is_zero()).then_some(timeout)
    }

    /// What the session is doing now.
    #[must_use]
    pub fn state(&self) -> State {
        let core = self.lock();
        match (core.stop, core.relay.negotiated(), core.relay.in_flight()) {
            (Some(_), _, _) => State::Stopping,
            (None, None, _) => State::Starting,
            (None, Some(_), 0) => State::Idle,
            (None, Some(_), _) => State::Active,
        }
    }

    /// What the sandbox has used so far; `None` when it is gone.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let sandbox = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        sandbox.map(|sandbox| sandbox.usage())
    }

    /// Requests in flight now, and requests answered so far.
    #[must_use]
    pub fn calls(&self) -> (usize, u64) {
        let core = self.lock();
        (core.relay.in_flight(), core.calls)
    }

    /// Hands the messages of one POST to the server. With a request among them the answer comes through the
    /// returned exchange.
    ///
    /// # Errors
    /// When the session has ended, is full, or the bridge refuses a message. Nothing has reached the server
    /// then.
    pub async fn post(self: &Arc<Self>, messages: Vec<Message>) -> Result<Option<Exchange>, SessionError> {
        let requests = messages.iter().filter(|message| message.is_request()).count();
        let places = match u32::try_from(requests) {
            Ok(0) => None,
            Ok(count) => Some(self.take_places(count).await?),
            Err(_) => return Err(SessionError::Busy { limit: self.limits.in_flight }),
        };
        let connection = self.step(|core| {
            if core.stop.is_some() {
                return Err(SessionError::NotFound { ended: core.stop });
            }
            if requests > 0 && self.opened.elapsed() >= self.limits.max_lifetime {
                // Calls that run have the drain time; what they still need to be told goes through.
                return Err(SessionError::NotFound { ended: Some(StopReason::MaxLifetime) });
            }
            if !core.input.has_room() {
                return Err(SessionError::InputFull { queued: core.input.queued() });
            }
            core.last_active = Instant::now();
            let connection = (requests > 0).then(|| core.mint_connection());
            core.relay.on(self.now(), Event::ClientMessages { connection, messages })?;
            Ok(connection)
        })?;
        if let Some(places) = places {
            // Given back one by one as the calls end, which may be after the exchange is gone.
            places.forget();
        }
        Ok(connection.map(|connection| Exchange::new(Arc::clone(self), connection)))
    }

    /// Opens a stream for what the server says outside of calls, or resumes one.
    ///
    /// # Errors
    /// When the session has ended, too many streams are open, or `last_event_id` is no longer held.
    pub fn listen(self: &Arc<Self>, last_event_id: Option<String>) -> Result<Exchange, SessionError> {
        let connection = self.step(|core| {
            if core.stop.is_some() {
                return Err(SessionError::NotFound { ended: core.stop });
            }
            let connection = core.mint_connection();
            core.relay.on(self.now(), Event::Listen { connection, last_event_id })?;
            Ok(connection)
        })?;
        Ok(Exchange::new(Arc::clone(self), connection))
    }

    /// Ends the session. The first reason given is the one that is kept.
    pub fn stop(&self, reason: StopReason) {
        self.lock().stop.get_or_insert(reason);
        self.pump.notify_one();
    }

    /// Gives the place among the node's sessions back. Nothing of the session is left now.
    pub(crate) fn give_place_back(&self) {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    async fn take_places(&self, count: u32) -> Result<tokio::sync::SemaphorePermit<'_>, SessionError> {
        let busy = SessionError::Busy { limit: self.limits.in_flight };
        if count > self.limits.in_flight {
            return Err(busy);
        }
        if let Ok(places) = self.places.try_acquire_many(count) {
            return Ok(places);
        }
        match tokio::time::timeout(QUEUE_WAIT, self.places.acquire_many(count)).await {
            Ok(Ok(places)) => Ok(places),
            Ok(Err(_)) | Err(_) => Err(busy),
        }
    }

    /// The time the bridge is told.
    pub(crate) fn now(&self) -> Time {
        Time(self.opened.elapsed())
    }

    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.opened + time.0
    }

    /// Runs `change` under the lock, then carries out what the bridge asks for.
    pub(crate) fn step<R>(&self, change: impl FnOnce(&mut Core) -> R) -> R {
        let mut wake: [Option<Waker>; 4] = [const { None }; 4];
        let mut more: Vec<Waker> = Vec::new();
        let (result, ended_calls, call_pump) = {
            let mut core = self.lock();
            let was_backlogged = core.relay.is_backlogged();
            let result = change(&mut core);
            let mut ended_calls = 0;
            while let Some(action) = core.relay.poll() {
                match action {
                    Action::ToServer(message) => core.input.send(message),
                    Action::Wake(connection) => {
                        if let Some(waker) = core.wakers.remove(&connection) {
                            match wake.iter_mut().find(|place| place.is_none()) {
                                Some(place) => *place = Some(waker),
                                None => more.push(waker),
                            }
                        }
                    }
                    Action::Record(record) => {
                        if matches!(record, Record::CallEnded { .. }) {
                            ended_calls += 1;
                        }
                        crate::records::emit(self, &record);
                    }
                    Action::Ready(_)
                    | Action::ListChanged(_)
                    | Action::Unopened(_)
                    | Action::Task(_)
                    | Action::ServerTask(_) => {}
                }
            }
            if ended_calls > 0 {
                core.calls += ended_calls as u64;
                core.last_active = Instant::now();
            }
            let call_pump = core.input.queued() > 0
                || core.stop.is_some()
                || (was_backlogged && !core.relay.is_backlogged())
                || core.deadline_moved_closer(self);
            (result, ended_calls, call_pump)
        };
        if ended_calls > 0 {
            self.places.add_permits(ended_calls);
        }
        if call_pump {
            self.pump.notify_one();
        }
        wake.into_iter().flatten().chain(more).for_each(Waker::wake);
        result
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the session ends if nothing more is asked of it: the idle clock runs out, or its lifetime is over. None
    /// while something is in flight.
    pub(crate) fn idle_until(&self, core: &Core) -> Option<Instant> {
        let idle = core.last_active + self.limits.idle_timeout;
        (core.relay.in_flight() == 0).then(|| idle.min(self.opened + self.limits.max_lifetime))
    }
}

impl Drop for Session {
    /// Nobody can pull any more: what was not taken is counted.
    fn drop(&mut self) {
        let gone = ErrorObject::new(code::SERVER_GONE, "the session has ended");
        self.step(|core| core.relay.end(gone));
    }
}

impl SessionLimits {
    pub(crate) fn of(limits: &sessile_manifest::Limits) -> Self {
        Self {
            start_timeout: limits.start_timeout,
            idle_timeout: limits.idle_timeout,
            max_lifetime: limits.max_lifetime,
            drain: limits.drain,
            in_flight: limits.in_flight,
            message: usize::try_from(limits.message.bytes()).unwrap_or(usize::MAX),
        }
    }
}

impl Core {
    fn mint_connection(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    /// Remembers whom to wake when the bridge has something for `connection`.
    pub(crate) fn wait(&mut self, connection: ConnectionId, waker: &Waker) {
        match self.wakers.get_mut(&connection) {
            Some(known) => known.clone_from(waker),
            None => {
                self.wakers.insert(connection, waker.clone());
            }
        }
    }

    /// Forgets a connection that is over.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.wakers.remove(&connection);
    }

    /// Whether a clock will ring before the pump looks again. The idle clock starts when the last answer is taken,
    /// which the pump does not see.
    fn deadline_moved_closer(&self, session: &Session) -> bool {
        let deadline = self.relay.deadline().map(|deadline| session.instant(deadline));
        let next = [deadline, session.idle_until(self)].into_iter().flatten().min();
        match (next, self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}
