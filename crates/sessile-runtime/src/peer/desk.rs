//! Takes what the session says, message by message, and sees to it that each is sent.
//!
//! Requests run beside each other. Everything else is sent in its order, and what follows waits until the server has taken it: on
//! pipes the order of messages is a promise, and servers count on it (`notifications/initialized` comes before the first call).

use super::call::{self, Asked};
use super::conversation::{Broken, Conversation};
use super::events::Place;
use super::fault::Fault;
use super::out::Out;
use super::talk::Talk;
use super::wire::Wires;
use super::{Settings, listening};
use crate::lines::{Line, Lines};
use bytes::Bytes;
use http::StatusCode;
use sessile_protocol::{Body, Message, RequestId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Bytes read from the session at a time.
const READ_CHUNK: usize = 16 * 1024;

/// How long what follows a notification, an answer or a stream that is resumed waits until the server has taken it.
const ACCEPTANCE: Duration = Duration::from_secs(5);

/// Notifications and answers that the server has not taken yet. With more, nothing else is sent.
const UNTAKEN: usize = 16;

/// How far one connection may lag behind another.
const LAG: Duration = Duration::from_millis(10);

/// How long calls get to hand on what a server said before it ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What all tasks of one peer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) wires: Wires,
    pub(super) out: Out,
    /// The server has ended.
    pub(super) gone: CancellationToken,
    /// The server has forgotten its session: it is of no use any more.
    pub(super) lost: CancellationToken,
    /// Whether the server's stream outside of calls is open.
    pub(super) listens: AtomicBool,
    /// Whether the session wants to hear what the server logs.
    wants_log: AtomicBool,
    talk: Mutex<Talk>,
}

impl Shared {
    pub(super) fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what was logged before an answer the time to come before it. Some servers log on the stream outside of calls, and
    /// two connections keep no order; over pipes there is one, and a call that has its answer hears no more of it.
    pub(super) async fn let_log_catch_up(&self) {
        if self.wants_log.load(Ordering::Relaxed) && self.listens.load(Ordering::Relaxed) {
            tokio::time::sleep(LAG).await;
        }
    }
}

/// The one who takes the session's messages.
#[derive(Debug)]
pub(super) struct Desk {
    shared: Arc<Shared>,
    calls: JoinSet<(RequestId, u64)>,
    open: HashMap<RequestId, Open>,
    number: u64,
    /// Notifications and answers on their way.
    said: JoinSet<()>,
    listening: Option<AbortOnDropHandle<()>>,
    /// Streams of which the rest is asked for.
    resuming: TaskTracker,
}

/// A request that is being answered.
#[derive(Debug)]
struct Open {
    /// Tells it from a later one of the same id.
    number: u64,
    task: AbortHandle,
    is_modern: bool,
}

impl Desk {
    /// Goes on with `conversation`, or begins it, and asks for the `rest` of what the server was saying.
    pub(super) fn new(
        settings: Settings,
        conversation: Conversation,
        rest: Vec<Broken>,
        wires: Wires,
        output: pipe::Sender,
    ) -> Self {
        let Conversation { endpoint, settled, listens, outside, wants_log, .. } = conversation;
        let talk = Talk::new(&endpoint, settings.name.as_str(), settled);
        let shared = Arc::new(Shared {
            settings,
            wires,
            out: Out::new(output),
            gone: CancellationToken::new(),
            lost: CancellationToken::new(),
            listens: AtomicBool::new(false),
            wants_log: AtomicBool::new(wants_log),
            talk: Mutex::new(talk),
        });
        let (calls, said) = (JoinSet::new(), JoinSet::new());
        let resuming = TaskTracker::new();
        resuming.close();
        let mut desk = Self { shared, calls, open: HashMap::new(), number: 0, said, listening: None, resuming };
        if listens {
            desk.listen(Place::after(outside));
        }
        for broken in rest {
            let shared = Arc::clone(&desk.shared);
            desk.attend(broken.id.clone(), false, call::hear_out(shared, broken, desk.resuming.token()));
        }
        desk
    }

    /// Opens the stream on which the server speaks outside of calls, from `place` on.
    fn listen(&mut self, place: Place) {
        let listening = listening::listen(Arc::clone(&self.shared), place);
        self.listening = Some(AbortOnDropHandle::new(tokio::spawn(listening)));
    }

    /// Lets a request be seen to its answer.
    fn attend(&mut self, id: RequestId, is_modern: bool, call: impl Future<Output = ()> + Send + 'static) {
        self.number += 1;
        let (number, name) = (self.number, id.clone());
        let task = self.calls.spawn(async move {
            call.await;
            (name, number)
        });
        self.open.insert(id, Open { number, task, is_modern });
    }

    /// Serves until the session has closed its end, or the server has ended.
    pub(super) async fn serve<E>(mut self, mut input: pipe::Receiver, ended: impl Future<Output = E> + Send + 'static) {
        let gone = self.shared.gone.clone();
        let _watch = AbortOnDropHandle::new(tokio::spawn(async move {
            ended.await;
            gone.cancel();
        }));
        let shared = Arc::clone(&self.shared);
        // A server may forget what it said on a stream with the answer that ends it: one is not to come before the stream is there.
        tokio::select! {
            _ = timeout(ACCEPTANCE, self.resuming.wait()) => {}
            () = shared.gone.cancelled() => {}
        }
        // What comes here has passed the session's own bounds.
        let mut lines = Lines::new(usize::MAX);
        let mut taken = 0;
        loop {
            while let Ok(Some(line)) = lines.next_line() {
                let fresh = lines.taken() - std::mem::replace(&mut taken, lines.taken());
                let message = if let Line::Whole(line) = line { Message::parse(line).ok() } else { None };
                // Were the runtime killed now, another one would send a request never again, and anything else once more: that harms
                // nobody, and one too few leaves the server waiting.
                let at_once = message.as_ref().is_none_or(Message::is_request);
                if at_once {
                    self.took(fresh);
                }
                if let Some(message) = message {
                    self.take(message).await;
                }
                if !at_once {
                    self.took(fresh);
                }
            }
            let buffer = lines.buffer();
            buffer.reserve(READ_CHUNK);
            tokio::select! {
                read = input.read_buf(buffer) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return self.say_goodbye().await,
                },
                Some(ended) = self.calls.join_next() => self.forget(ended),
                () = shared.gone.cancelled() => return self.hear_last_words().await,
                () = shared.lost.cancelled() => {
                    shared.out.close().await;
                    return self.say_goodbye().await;
                }
            }
        }
    }

    /// Notes, for another runtime, that so many bytes of what the session said need not be sent any more.
    fn took(&self, bytes: u64) {
        if let Some(estate) = &self.shared.settings.estate {
            estate.passed_on(bytes);
        }
    }

    /// Sends one message of the session, or does over HTTP what it means.
    async fn take(&mut self, message: Message) {
        if let Some(asked) = Asked::of(&message) {
            return self.ask(asked, message).await;
        }
        let given_up = message.cancelled_request();
        let is_modern_call = given_up.as_ref().and_then(|id| self.open.get(id)).is_some_and(|open| open.is_modern);
        if given_up.is_some() && (is_modern_call || !self.shared.talk().is_legacy()) {
            // To a modern server, the end of the connection is the word (2026-07-28, streamable HTTP, "Cancellation").
            return self.give_up(given_up);
        }
        let begins = matches!(message.body(), Body::Notification { method } if *method == "notifications/initialized");
        self.tell(message).await;
        // A legacy server has been told; it may leave the stream of the call open for ever.
        self.give_up(given_up);
        if begins && self.listening.is_none() {
            self.listen(Place::default());
        }
    }

    async fn ask(&mut self, asked: Asked, message: Message) {
        while let Some(ended) = self.calls.try_join_next() {
            self.forget(ended);
        }
        let limit = self.shared.settings.in_flight;
        if self.open.len() >= limit {
            // The session's own bounds are narrower.
            return self.shared.out.fail(&asked.id, &Fault::Busy { limit }).await;
        }
        if asked.method == "logging/setLevel" {
            self.shared.wants_log.store(true, Ordering::Relaxed);
        }
        let (id, is_modern) = (asked.id.clone(), asked.is_modern);
        let call = call::see_through(Arc::clone(&self.shared), asked, message);
        self.attend(id, is_modern, call);
    }

    /// Forgets a call that is over.
    fn forget(&mut self, ended: Result<(RequestId, u64), tokio::task::JoinError>) {
        // One that was given up is forgotten already.
        let Ok((id, number)) = ended else { return };
        if self.open.get(&id).is_some_and(|open| open.number == number) {
            self.open.remove(&id);
        }
    }

    fn give_up(&mut self, id: Option<RequestId>) {
        if let Some(open) = id.and_then(|id| self.open.remove(&id)) {
            open.task.abort();
        }
    }

    /// Sends a notification or an answer, and waits a while until the server has taken it.
    async fn tell(&mut self, message: Message) {
        let sent = CancellationToken::new();
        let (shared, when_sent) = (Arc::clone(&self.shared), sent.clone().drop_guard());
        self.said.spawn(async move {
            let _when_sent = when_sent;
            tell(&shared, message).await;
        });
        let shared = Arc::clone(&self.shared);
        let accepted = async {
            let _ = timeout(ACCEPTANCE, sent.cancelled()).await;
            while self.said.try_join_next().is_some() {}
            while self.said.len() > UNTAKEN && self.said.join_next().await.is_some() {}
        };
        tokio::select! {
            () = accepted => {}
            () = shared.gone.cancelled() => {}
        }
    }

    /// The session is over: the server is told, if it has a session of its own.
    async fn say_goodbye(self) {
        let Self { shared, calls, said, listening, .. } = self;
        drop((calls, said, listening));
        let goodbye = shared.talk().delete();
        if let Some(head) = goodbye {
            // Whatever it answers, nobody comes back.
            let _ = shared.wires.send(&head, Bytes::new()).await;
        }
    }

    /// The server has ended: what it said before is still on its way.
    async fn hear_last_words(mut self) {
        let _ = timeout(LAST_WORDS, async { while self.calls.join_next().await.is_some() {} }).await;
    }
}

/// Sends a message to which there is no answer.
async fn tell(shared: &Shared, message: Message) {
    let head = shared.talk().post(&message);
    let fault = match shared.wires.send(&head, message.raw().clone()).await {
        Ok(mut answer) if answer.head.status.is_success() => {
            // Nothing is in it.
            if answer.whole(READ_CHUNK).await.is_ok() {
                shared.wires.keep(answer);
            }
            return;
        }
        Ok(answer) if answer.head.status == StatusCode::NOT_FOUND && shared.talk().has_own_session() => {
            shared.lost.cancel();
            Fault::SessionLost
        }
        Ok(mut answer) => {
            let body = answer.whole(READ_CHUNK).await.unwrap_or_default();
            Fault::of_status(answer.head.status, &body)
        }
        Err(fault) => fault,
    };
    if fault.may_be_the_end() && timeout(LAST_WORDS, shared.gone.cancelled()).await.is_ok() {
        return;
    }
    let what = message.method().map_or("an answer of the client", |method| method.as_str());
    tracing::warn!(
        target: "sessile::runtime", server = &*shared.settings.server, session = shared.settings.name.as_str(), what,
        %fault, "the server did not take a message"
    );
}
