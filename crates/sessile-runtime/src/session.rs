//! One session: a bridge, the way to its server's stdin, and who waits for what.
//!
//! Everything that changes is in [`Core`] behind one short lock that is never held across an await. An HTTP
//! exchange locks it, hands its message to the bridge and, in the common case, writes to the server's pipe
//! right there; the pump (`pump.rs`) locks it for each message of the server and wakes the exchange that
//! waits. No channel and no task stands between the two.

mod exec;
mod locked;
mod parts;
mod rest;
mod shown;
mod step;

use crate::admission::Permit;
use crate::book::Book;
use crate::egress::Egress;
use crate::error::SessionError;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::input::Input;
use crate::memory::Epoch;
use crate::record::Standing;
use crate::session_id::{SessionId, SessionName};
use crate::stderr::Tail;
use crate::stop::StopReason;
use crate::tasks::TaskDesk;
use sessile_bridge::{Bridge, Event, ServerProfile, Time};
use sessile_identity::Principal;
use sessile_protocol::error as code;
use sessile_protocol::{Era, ErrorObject, LegacyVersion, Message, Object};
use sessile_sandbox::Sandbox;
use sessile_telemetry::Telemetry;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use step::{asks_for_something, takes_place};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

pub(crate) use locked::Core;
pub(crate) use parts::{Counterpart, Opened, Parts, Retry, SessionLimits, Span};
pub use rest::Visit;
pub(crate) use rest::{Rest, RestKind, Turn};

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
    /// How long it is kept when nobody asks anything of it.
    pub(crate) span: Span,
    /// What was known of the server when it was started.
    pub(crate) since: Epoch,
    /// Whether the server has been opened.
    opened_server: watch::Sender<Opened>,
    /// A legacy client's `initialize`, where another session may have to be greeted as this one was.
    pub(crate) greeting: OnceLock<Message>,
    /// Where the tasks that were made of its calls are kept.
    tasks: Option<TaskDesk>,
    /// Wakes the pump: input waits, a deadline moved closer, a stop is wanted, a backlog was read.
    pub(crate) pump: Notify,
    /// Where it is written down for another runtime.
    pub(crate) book: Option<Book>,
    core: Mutex<Core>,
    places: Semaphore,
    /// Reads what the sandbox uses, while there is one.
    pub(crate) sandbox: Mutex<Weak<Sandbox>>,
    /// Its way out, if its server has one.
    pub(crate) egress: OnceLock<Egress>,
    /// How it rests, if it can.
    pub(crate) rest_kind: Option<RestKind>,
    /// Whether it rests. Changes under the lock of what changes.
    rest: watch::Sender<Rest>,
    pub(crate) counterpart: Counterpart,
    /// The place among the node's sessions; given back when the pump is through.
    permit: Mutex<Option<Permit>>,
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The server has not answered `initialize` yet.
    Starting,
    /// A request is in flight.
    Active,
    /// Nothing is in flight, and no operator's command runs; the idle clock runs.
    Idle,
    /// It is ending; new messages are refused.
    Stopping,
}

impl Session {
    pub(crate) fn new(parts: Parts, bridge: Bridge, input: Input) -> Self {
        let now = parts.opened;
        Self::with(parts, Core::new(bridge, input, now))
    }

    /// A session that another runtime opened, as it was written down.
    pub(crate) fn resumed(
        parts: Parts,
        bridge: Bridge,
        input: Input,
        standing: Standing,
        names: Vec<Box<str>>,
        greeting: Option<Message>,
    ) -> Self {
        let opened = bridge.profile().map(|profile| Opened::Ready(Arc::clone(profile)));
        let taken_places = standing.taken_places;
        let session = Self::with(parts, Core::resumed(bridge, input, standing, names));
        if let Some(opened) = opened {
            session.opened_server.send_replace(opened);
        }
        if let Some(greeting) = greeting {
            // Set once, here.
            let _ = session.greeting.set(greeting);
        }
        session.places.forget_permits(taken_places);
        session
    }

    fn with(parts: Parts, core: Core) -> Self {
        let Parts { id, name, hosted, principal, opened, span, tasks, telemetry, permit, stderr, since, book, .. } =
            parts;
        let (rest_kind, counterpart) = (parts.rest_kind, parts.counterpart);
        let in_flight = usize::try_from(hosted.limits().in_flight).unwrap_or(usize::MAX);
        Self {
            id,
            name,
            server: Arc::clone(hosted.shared_name()),
            limits: SessionLimits {
                hibernate_after: hosted.hibernate_after(rest_kind),
                ..SessionLimits::of(hosted.limits())
            },
            hosted,
            principal,
            opened,
            telemetry,
            stderr,
            span,
            since,
            opened_server: watch::Sender::new(Opened::Pending),
            greeting: OnceLock::new(),
            tasks,
            pump: Notify::new(),
            book,
            core: Mutex::new(core),
            places: Semaphore::new(in_flight),
            sandbox: Mutex::default(),
            egress: OnceLock::new(),
            rest_kind,
            rest: watch::Sender::new(Rest::Awake),
            counterpart,
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
        self.lock().bridge.negotiated()
    }

    /// What is spoken with the client, once that is settled.
    #[must_use]
    pub fn client_era(&self) -> Option<Era> {
        self.lock().bridge.client_era()
    }

    /// Who the server is, once it has said so.
    #[must_use]
    pub fn profile(&self) -> Option<Arc<ServerProfile>> {
        self.lock().bridge.profile().cloned()
    }

    /// Waits until the server has said who it is, or has failed to.
    pub(crate) async fn opened(&self) -> Result<Arc<ServerProfile>, ErrorObject> {
        let mut opened = self.opened_server.subscribe();
        let gone = || ErrorObject::new(code::SERVER_GONE, "the session has ended");
        let settled = opened.wait_for(|opened| !matches!(opened, Opened::Pending)).await;
        match settled.as_deref() {
            Ok(Opened::Ready(profile)) => Ok(Arc::clone(profile)),
            Ok(Opened::Failed(error)) => Err(error.clone()),
            Ok(Opened::Pending) | Err(_) => Err(gone()),
        }
    }

    /// Whether requests are still taken.
    pub(crate) fn is_live(&self) -> bool {
        self.lock().stop.is_none() && self.opened.elapsed() < self.limits.max_lifetime && self.rests() != Rest::Asleep
    }

    /// Whether the server ever said who it is.
    pub(crate) fn was_opened(&self) -> bool {
        self.lock().bridge.is_open()
    }

    /// A list as it is remembered: what a legacy server says holds until it says that it has changed, whatever its
    /// clients are told of the time.
    pub(crate) fn without_bridged_hints<'a>(&self, result: &'a str) -> Cow<'a, str> {
        let is_legacy = self.profile().is_some_and(|profile| matches!(profile.era, Era::Legacy(_)));
        match Object::parse(result).filter(|_| is_legacy) {
            Some(mut object) => {
                object.remove("ttlMs");
                Cow::Owned(object.to_json())
            }
            None => Cow::Borrowed(result),
        }
    }

    /// Whether requests of legacy clients can be put to it by a handle.
    pub(crate) fn takes_legacy(&self) -> bool {
        !self.takes_modern()
    }

    /// Whether the lists that its server tells now are those of any other session. A modern server says so itself; a
    /// legacy one may have changed them for this session alone.
    pub(crate) fn tells_common_lists(&self) -> bool {
        let core = self.lock();
        !core.asked || core.bridge.profile().is_some_and(|profile| matches!(profile.era, Era::Modern(_)))
    }

    /// Whether client and server both speak legacy.
    pub(crate) fn is_relayed(&self) -> bool {
        matches!(self.lock().bridge, Bridge::Relay(_))
    }

    /// Whether requests of modern clients can be put to it.
    pub(crate) fn takes_modern(&self) -> bool {
        matches!(self.lock().bridge, Bridge::Modern(_))
    }

    /// Whether the server made this task by itself.
    pub(crate) fn has_server_task(&self, task: &str) -> bool {
        self.lock().server_tasks.contains(task)
    }

    /// How long a connection of this session's streams stays open before its client is asked to come back; `None` for
    /// as long as it likes, and for clients that would not know to come back.
    #[must_use]
    pub fn stream_timeout(&self) -> Option<Duration> {
        let timeout = self.hosted.limits().stream_timeout;
        let polls = self.version().is_some_and(LegacyVersion::primes_streams);
        (polls && !timeout.is_zero()).then_some(timeout)
    }

    /// Hands the messages of one POST to the server. With a request among them the answer comes through the
    /// returned exchange.
    ///
    /// # Errors
    /// When the session has ended, is full, or the bridge refuses a message. Nothing has reached the server
    /// then.
    pub async fn post(self: &Arc<Self>, messages: Vec<Message>) -> Result<Option<Exchange>, SessionError> {
        let requests = messages.iter().filter(|message| takes_place(message)).count();
        let any = messages.iter().any(Message::is_request);
        let asks = messages.iter().any(asks_for_something);
        let places = self.take_places(requests).await?;
        let connection = self.admit(any, |core, now| {
            core.asked |= asks;
            let connection = any.then(|| core.mint_connection());
            core.bridge.on(now, Event::ClientMessages { connection, messages })?;
            core.taken_places += requests;
            Ok(connection)
        })?;
        // Given back one by one as the calls end, which may be after the exchange is gone.
        places.into_iter().for_each(SemaphorePermit::forget);
        Ok(connection.map(|connection| Exchange::new(Arc::clone(self), connection)))
    }

    /// Goes on with a call that waits for its client.
    ///
    /// # Errors
    /// As [`Session::post`]; the call waits on then.
    pub(crate) async fn retry(self: &Arc<Self>, message: Message, state: Retry) -> Result<Exchange, SessionError> {
        let places = self.take_places(1).await?;
        let connection = self.admit(true, |core, now| {
            let connection = core.mint_connection();
            let Retry { call, generation, inner } = state;
            core.bridge.on(now, Event::Retry { connection, message, call, generation, inner })?;
            core.taken_places += 1;
            Ok(connection)
        })?;
        places.into_iter().for_each(SemaphorePermit::forget);
        Ok(Exchange::new(Arc::clone(self), connection))
    }

    /// Tells the bridge something of a client, if the session still takes requests.
    ///
    /// # Errors
    /// When the session has ended or the bridge refuses.
    pub(crate) fn tell(&self, event: Event) -> Result<(), SessionError> {
        self.admit(false, |core, now| core.bridge.on(now, event).map_err(SessionError::from))
    }

    /// Lets a message of the client in, unless the session has ended or its server does not read.
    fn admit<R>(
        &self,
        is_request: bool,
        act: impl FnOnce(&mut Core, Time) -> Result<R, SessionError>,
    ) -> Result<R, SessionError> {
        self.step(|core| {
            if core.stop.is_some() {
                return Err(SessionError::NotFound { ended: core.stop });
            }
            if is_request && self.opened.elapsed() >= self.limits.max_lifetime {
                // Calls that run have the drain time; what they still need to be told goes through.
                return Err(SessionError::NotFound { ended: Some(StopReason::MaxLifetime) });
            }
            if !core.input.has_room() {
                return Err(SessionError::InputFull { queued: core.input.queued() });
            }
            core.last_active = Instant::now();
            core.resting.was_active();
            act(core, self.now())
        })
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
            core.bridge.on(self.now(), Event::Listen { connection, last_event_id })?;
            Ok(connection)
        })?;
        Ok(Exchange::new(Arc::clone(self), connection))
    }

    /// The session is over before its server was opened, if it was not.
    pub(crate) fn never_opened(&self, error: &ErrorObject) {
        self.opened_server.send_if_modified(|opened| {
            let pending = matches!(opened, Opened::Pending);
            if pending {
                *opened = Opened::Failed(error.clone());
            }
            pending
        });
    }

    /// Remembers a name that leads here.
    pub(crate) fn is_named(&self, name: &str) {
        self.step(|core| core.names.insert(name.into()));
    }

    /// Ends the session. The first reason given is the one that is kept. When this returns, it is written down: no other runtime goes
    /// on with it.
    pub fn stop(&self, reason: StopReason) {
        // This wakes the pump.
        self.step(|core| _ = core.stop.get_or_insert(reason));
    }

    /// Gives the place among the node's sessions back. Nothing of the session is left now.
    pub(crate) fn give_place_back(&self) {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Keeps a session that is there for one request until [`Session::let_go`].
    pub(crate) fn hold(&self) {
        let mut core = self.lock();
        core.holds += 1;
        core.held = true;
    }

    /// Takes one hold back. A session for one request ends with the last, unless its call waits for the client.
    pub(crate) fn let_go(&self) {
        self.glance(|core| core.holds = core.holds.saturating_sub(1));
    }

    async fn take_places(&self, count: usize) -> Result<Option<SemaphorePermit<'_>>, SessionError> {
        let busy = SessionError::Busy { limit: self.limits.in_flight };
        let count = match u32::try_from(count) {
            Ok(0) => return Ok(None),
            Ok(count) if count <= self.limits.in_flight => count,
            _ => return Err(busy),
        };
        if let Ok(places) = self.places.try_acquire_many(count) {
            return Ok(Some(places));
        }
        match tokio::time::timeout(QUEUE_WAIT, self.places.acquire_many(count)).await {
            Ok(Ok(places)) => Ok(Some(places)),
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

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the session ends if nothing more is asked of it: the idle clock runs out, or its lifetime is over. None
    /// while something is in flight, or an operator looks inside.
    pub(crate) fn idle_until(&self, core: &Core) -> Option<Instant> {
        let idle = core.last_active + self.limits.idle_timeout;
        let end = self.opened + self.limits.max_lifetime;
        (core.bridge.in_flight() == 0 && core.execs.running == 0)
            .then(|| if self.sleeps_instead(core) { end } else { idle.min(end) })
    }
}

impl Drop for Session {
    /// Nobody can pull any more: what was not taken is counted.
    fn drop(&mut self) {
        let gone = ErrorObject::new(code::SERVER_GONE, "the session has ended");
        self.step(|core| core.bridge.end(gone));
    }
}
