//! Modern client, server of either era.
//!
//! Every request of a modern client stands alone; a server on stdio is one conversation. So the requests of a session
//! share its server under numbers of the bridge's own, and what the server says goes out with the request it belongs
//! to. A legacy server has its client in the bridge: what it wants to know of its user *parks* the call, until the
//! client comes back with the answers. A modern server is relayed; what its client must bring back is sealed with what
//! leads back to this session.
//!
//! `client` and `server` say who said what, `call` where each call stands; `dispatch` brings calls to the server and
//! `ending` their answers back. `questions` and `park` are the heart of it.

mod asked;
mod call;
mod capabilities;
mod client;
mod dispatch;
mod ending;
mod expiry;
mod fit;
mod listen;
mod log;
mod methods;
mod opening;
mod park;
mod progress;
mod question;
mod questions;
mod reply;
mod retry;
mod rewrite;
mod rounds;
mod server;
mod subscriptions;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{Era, ErrorObject, LogLevel, RequestId, to_line};

use crate::config::{Config, Opening};
use crate::event::{Action, ConnectionId, Event, Pull};
use crate::mint::{self, CallId, Mint};
use crate::profile::{ClientProfile, ServerProfile};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::streams::Streams;
use crate::time::Time;
use asked::{Asked, Purpose};
use call::Calls;
use opening::Stage;
use question::Question;
use subscriptions::Subscriptions;

/// The bridge of one session whose client is modern.
///
/// It opens the server itself: its first actions are there before the first event. [`Event::Listen`] is none of its
/// events: modern clients listen with a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Modern {
    #[serde(skip)]
    config: Config,
    client: ClientProfile,
    #[serde(skip, default = "mint::none")]
    mint: Box<dyn Mint>,
    now: Time,
    stage: Stage,
    asked: Asked,
    calls: Calls,
    /// Questions that belong to no call yet.
    homeless: VecDeque<Question>,
    /// The server's requests that are open.
    questions: BTreeSet<RequestId>,
    /// Calls that waited for their client for too long, newest last.
    expired: VecDeque<CallId>,
    subscriptions: Subscriptions,
    /// What the server was last told.
    level: Option<LogLevel>,
    /// A modern server's own tasks, and until when they count.
    server_tasks: BTreeMap<String, Time>,
    streams: Streams,
    #[serde(skip)]
    actions: VecDeque<Action>,
    /// What every request is told since the server is gone.
    gone: Option<ErrorObject>,
}

impl Modern {
    /// A bridge that opens its server: call [`Modern::poll`] until it gives `None`.
    pub fn new(config: Config, opening: Opening, client: ClientProfile, mint: Box<dyn Mint>) -> Self {
        let mut modern = Self {
            client,
            mint,
            now: Time::default(),
            stage: Stage::Closed,
            asked: Asked::default(),
            calls: Calls::default(),
            homeless: VecDeque::new(),
            questions: BTreeSet::new(),
            expired: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            level: None,
            server_tasks: BTreeMap::new(),
            streams: Streams::new(&config),
            actions: VecDeque::new(),
            gone: None,
            config,
        };
        modern.start_opening(opening);
        modern
    }

    /// Takes an event. Call [`Modern::poll`] until it gives `None` afterwards, and do what it says before anything is
    /// pulled. Time that goes backwards stands still.
    ///
    /// # Errors
    /// When the event is the client's and cannot be taken; nothing of it has happened then.
    pub fn on(&mut self, now: Time, event: Event) -> Result<(), Refusal> {
        self.advance(now);
        self.expire();
        let outcome = match event {
            Event::ClientMessages { connection, messages } => self.client_messages(connection, messages),
            Event::Retry { connection, message, call, generation, inner } => {
                self.retry(connection, message, call, generation, inner)
            }
            Event::TaskInput { task, responses } => self.task_input(&task, &responses),
            Event::TaskCancel { task } => self.task_cancel(&task),
            Event::Listen { .. } => Err(Refusal::WrongSession),
            Event::Stream { connection } => {
                self.streams.demand_sse(connection);
                Ok(())
            }
            Event::ConnectionClosed { connection } => {
                self.streams.close(connection);
                self.client_left(connection);
                Ok(())
            }
            Event::ServerMessage(message) => {
                self.server_message(message);
                Ok(())
            }
            Event::ServerGone(error) => {
                self.server_gone(error);
                Ok(())
            }
            Event::Tick => Ok(()),
        };
        self.settle();
        while self.start_queued() {
            // What has waited for long may be due by now.
            self.expire();
            self.settle();
        }
        outcome
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What `connection` may send next. Pull again after [`Pull::OpenSse`] and [`Pull::Event`]; after
    /// [`Pull::Pending`], when [`Action::Wake`] says so. Look at [`Modern::is_backlogged`] afterwards: taking an
    /// event makes room.
    pub fn pull(&mut self, now: Time, connection: ConnectionId) -> Pull {
        self.advance(now);
        self.streams.pull(connection, None)
    }

    /// The session is over and its exchanges are closed: ends what is open with `error`, and records what nobody has
    /// taken. Call [`Modern::poll`] until it gives `None`, then drop the bridge.
    pub fn end(&mut self, error: ErrorObject) {
        self.server_gone(error);
        self.settle();
        self.streams.end();
        self.settle();
    }

    /// Client requests without an answer, calls that wait for their client or are tasks, a modern server's own tasks,
    /// and answers that nobody has pulled. The session is not idle while there are any. Listening is not counted.
    pub fn in_flight(&self) -> usize {
        self.calls.len() + self.streams.answers() + self.server_tasks.len()
    }

    /// Whether connections leave so much lying that the server should be read no further. Goes away as they pull,
    /// or as [`Event::Tick`] cuts them.
    pub fn is_backlogged(&self) -> bool {
        self.streams.is_backlogged()
    }

    /// Who the server is, once it has said so.
    pub fn profile(&self) -> Option<&Arc<ServerProfile>> {
        match &self.stage {
            Stage::Open(profile) => Some(profile),
            _ => None,
        }
    }

    /// How many calls wait for their client's input.
    pub fn parked(&self) -> usize {
        self.calls.parked()
    }

    /// Whether the server works on something whose outcome somebody will have: not calls that wait for their client, and
    /// not a modern server's own tasks, which end with it.
    pub fn is_busy(&self) -> bool {
        self.calls.len() > self.calls.parked() || self.streams.answers() > 0
    }

    /// Whether a task of this id was made of a call, and is not over.
    pub fn has_task(&self, task: &str) -> bool {
        self.task_call(task).is_some()
    }

    /// Takes the bounds and the mint of the one who goes on with a bridge from a record.
    pub(crate) fn refit(&mut self, config: Config, mint: Box<dyn Mint>) {
        self.streams.refit(&config);
        (self.config, self.mint) = (config, mint);
        self.settle();
    }

    /// The exchanges that are open, after which nobody has looked since the record was made.
    pub(crate) fn connections(&mut self) -> Vec<ConnectionId> {
        self.streams.orphaned()
    }

    fn era(&self) -> Option<Era> {
        self.profile().map(|profile| profile.era)
    }

    fn is_legacy(&self) -> bool {
        matches!(self.era(), Some(Era::Legacy(_)))
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.streams.advance(self.now);
    }

    /// Asks the server something. Gives the number of the request.
    fn ask(&mut self, method: &str, params: &str, purpose: Purpose) -> u64 {
        let number = self.asked.number();
        let line = format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{params}}}"#);
        self.asked.open(number, purpose);
        self.write(Bytes::from(line));
        number
    }

    fn write(&mut self, raw: Bytes) {
        if self.gone.is_none() {
            self.actions.push_back(Action::ToServer(to_line(raw)));
        }
    }

    fn record(&mut self, record: Record) {
        self.actions.push_back(Action::Record(record));
    }
}
