//! Calls: what the client asked, and where each stands.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use sessile_protocol::meta::{CLIENT_CAPABILITIES, LOG_LEVEL, PROGRESS_TOKEN};
use sessile_protocol::{LogLevel, Message, Method, RequestId};

use crate::event::ConnectionId;
use crate::event_id::StreamId;
use crate::mint::CallId;
use crate::time::Time;

use super::capabilities::Capabilities;
use super::methods::is_parkable;
use super::question::Question;
use super::rewrite::members;
use super::tasks::Task;

/// One HTTP request of the client, and what it wants to have with its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    pub(super) id: RequestId,
    /// The id as the client spelled it.
    pub(super) id_text: Box<str>,
    pub(super) connection: ConnectionId,
    pub(super) stream: StreamId,
    /// The progress token as the client spelled it.
    pub(super) token: Option<Box<str>>,
    pub(super) log: LogWish,
    pub(super) capabilities: Capabilities,
    pub(super) since: Time,
}

/// The log messages that a request wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum LogWish {
    /// None.
    Silent,
    /// Those that are at least so severe.
    From(LogLevel),
    /// What it said is no level.
    Unreadable,
}

impl LogWish {
    pub(super) fn level(self) -> Option<LogLevel> {
        match self {
            Self::From(level) => Some(level),
            Self::Silent | Self::Unreadable => None,
        }
    }
}

impl Exchange {
    pub(super) fn new(
        id: RequestId,
        message: &Message,
        connection: ConnectionId,
        stream: StreamId,
        since: Time,
    ) -> Self {
        let members = members(message);
        let params = members.object("params").unwrap_or_default();
        let meta = params.object("_meta").unwrap_or_default();
        let token = meta.get(PROGRESS_TOKEN).filter(|_| message.progress_token().is_some());
        let log = match meta.get(LOG_LEVEL) {
            None => LogWish::Silent,
            Some(_) => {
                let level = meta.string(LOG_LEVEL).and_then(|level| LogLevel::parse(&level));
                level.map_or(LogWish::Unreadable, LogWish::From)
            }
        };
        let capabilities = Capabilities::read(&meta.object(CLIENT_CAPABILITIES).unwrap_or_default());
        let id_text = members.get("id").unwrap_or_else(|| id.as_json()).into();
        Self { id, id_text, connection, stream, token: token.map(Box::from), log, capabilities, since }
    }
}

/// What a call is doing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Not sent yet. With a retry, the server's own request state.
    Queued(Option<Retried>),
    /// The server works on it, and its client waits.
    Running,
    /// It has questions; more are waited for.
    Gathering {
        /// How long, if none comes.
        until: Time,
        /// How long at the most.
        latest: Time,
    },
    /// It waits for its client since then, until then.
    Parked {
        /// Since when.
        since: Time,
        /// Until when.
        until: Time,
    },
    /// It is a task.
    Task(Box<Task>),
}

/// What a modern server is given back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Retried {
    /// Its own request state.
    pub(super) inner: Option<String>,
    /// The answers to its questions, a JSON object, where they are not in the request already.
    pub(super) responses: Option<String>,
}

/// One call, over all its rounds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) subject: Option<String>,
    /// The newest one.
    pub(super) exchange: Exchange,
    pub(super) phase: Phase,
    /// The number under which the server works on it.
    pub(super) upstream: Option<u64>,
    /// The newest request of the client, where it may be needed again.
    pub(super) message: Option<Message>,
    /// Known once it was needed.
    pub(super) digest: Option<[u8; 32]>,
    /// How often it was parked.
    pub(super) generation: u32,
    pub(super) questions: Vec<Question>,
    /// How many keys were given to questions.
    keys: u32,
    /// The newest progress that came while its client was away.
    pub(super) progress: Option<Message>,
    /// The answer, when it came while its client was away.
    pub(super) answer: Option<Message>,
    /// Whether it may become a task, if its client knows tasks.
    pub(super) is_promotable: bool,
}

impl Call {
    pub(super) fn new(message: Message, exchange: Exchange, phase: Phase, method: Method) -> Self {
        Self {
            subject: message.subject(),
            method,
            exchange,
            phase,
            upstream: None,
            message: Some(message),
            digest: None,
            generation: 0,
            questions: Vec::new(),
            keys: 0,
            progress: None,
            answer: None,
            is_promotable: false,
        }
    }

    /// Whether its client waits for an answer right now.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Queued(_) | Phase::Running | Phase::Gathering { .. })
    }

    /// Whether the server works on it with its client waiting.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Gathering { .. })
    }

    pub(super) fn is_parked(&self) -> bool {
        matches!(self.phase, Phase::Parked { .. })
    }

    pub(super) fn task(&self) -> Option<&Task> {
        match &self.phase {
            Phase::Task(task) => Some(task),
            _ => None,
        }
    }

    pub(super) fn task_mut(&mut self) -> Option<&mut Task> {
        match &mut self.phase {
            Phase::Task(task) => Some(task),
            _ => None,
        }
    }

    /// Adds a question, under a key of its own.
    pub(super) fn ask(&mut self, mut question: Question) {
        self.keys = self.keys.saturating_add(1);
        question.key = self.keys;
        question.is_published = false;
        self.questions.push(question);
    }
}

/// The calls that are open, in the order they came.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Calls {
    open: BTreeMap<CallId, Call>,
    /// Those that are not sent yet, in the order they came.
    queue: VecDeque<CallId>,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn insert(&mut self, id: CallId, call: Call) {
        if matches!(call.phase, Phase::Queued(_)) {
            self.queue.push_back(id);
        }
        self.open.insert(id, call);
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Call> {
        self.open.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.open.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<Call> {
        self.queue.retain(|queued| *queued != id);
        self.open.remove(&id)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (CallId, &Call)> {
        self.open.iter().map(|(id, call)| (*id, call))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        self.open.values_mut()
    }

    /// The first call that `is_it` is true of.
    pub(super) fn find(&self, is_it: impl Fn(&Call) -> bool) -> Option<CallId> {
        self.iter().find(|(_, call)| is_it(call)).map(|(id, _)| id)
    }

    /// The youngest call that `is_it` is true of.
    pub(super) fn youngest(&self, is_it: impl Fn(&Call) -> bool) -> Option<CallId> {
        self.iter().rev().find(|(_, call)| is_it(call)).map(|(id, _)| id)
    }

    pub(super) fn first(&self) -> Option<CallId> {
        self.open.keys().next().copied()
    }

    /// Takes the next call to be sent out of the queue. With `serialize`, parkable calls go one at a time.
    pub(super) fn dequeue(&mut self, serialize: bool) -> Option<CallId> {
        if self.queue.is_empty() {
            return None;
        }
        let is_busy = serialize
            && self.open.values().any(|call| is_parkable(&call.method) && !matches!(call.phase, Phase::Queued(_)));
        let may_go = |id: &CallId| self.get(*id).is_none_or(|call| !is_busy || !is_parkable(&call.method));
        let place = self.queue.iter().position(may_go)?;
        self.queue.remove(place)
    }

    pub(super) fn parked(&self) -> usize {
        self.open.values().filter(|call| call.is_parked()).count()
    }
}
