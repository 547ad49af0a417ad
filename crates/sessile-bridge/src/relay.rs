//! Legacy client, legacy server: the relay.
//!
//! Ids and bodies go through as they are. What is left to do: bring each message to the one stream it belongs to,
//! keep what a client may come back for, and see that every request has exactly one answer.

mod client;
mod expiry;
mod handshake;
mod lent;
mod questions;
mod routing;
mod server;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::error::cancelled;
use sessile_protocol::{ErrorObject, LegacyVersion, RequestId, to_line};

use crate::calls::Calls;
use crate::config::Config;
use crate::event::{Action, ConnectionId, Event, Pull};
use crate::profile::ServerProfile;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::server_requests::ServerRequests;
use crate::streams::Streams;
use crate::time::Time;
use handshake::Handshake;
use lent::Prefix;

/// The relay of one session.
///
/// ```
/// use sessile_bridge::{Action, Config, ConnectionId, Event, Pull, Relay, Time};
/// use sessile_protocol::Message;
///
/// let message = |text: &'static str| Message::parse(text.as_bytes().into()).unwrap();
/// let mut relay = Relay::new(Config::default());
/// let connection = ConnectionId(1);
///
/// let ask = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
/// relay.on(Time::default(), Event::ClientMessages { connection: Some(connection), messages: vec![ask.clone()] })?;
/// assert_eq!(relay.poll(), Some(Action::ToServer(ask.into_raw())));
/// assert_eq!(relay.pull(Time::default(), connection), Pull::Pending);
///
/// let answer = message(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#);
/// relay.on(Time::default(), Event::ServerMessage(answer.clone()))?;
/// assert_eq!(relay.pull(Time::default(), connection), Pull::Json(answer.into_raw()));
/// # Ok::<(), sessile_bridge::Refusal>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Relay {
    #[serde(skip)]
    config: Config,
    now: Time,
    handshake: Handshake,
    calls: Calls,
    server_requests: ServerRequests,
    streams: Streams,
    #[serde(skip)]
    actions: VecDeque<Action>,
    /// What every request is told since the server is gone.
    gone: Option<ErrorObject>,
    profile: Option<Arc<ServerProfile>>,
    prefix: Prefix,
}

impl Relay {
    /// A relay for a session that has not said anything.
    pub fn new(config: Config) -> Self {
        Self {
            now: Time::default(),
            handshake: Handshake::default(),
            calls: Calls::default(),
            server_requests: ServerRequests::default(),
            streams: Streams::new(&config),
            actions: VecDeque::new(),
            gone: None,
            profile: None,
            prefix: Prefix::new(config.request_prefix.clone()),
            config,
        }
    }

    /// Takes an event. Call [`Relay::poll`] until it gives `None` afterwards. Time that goes backwards stands still.
    ///
    /// # Errors
    /// When the event is the client's and cannot be taken; nothing of it has happened then.
    pub fn on(&mut self, now: Time, event: Event) -> Result<(), Refusal> {
        self.advance(now);
        self.expire();
        let outcome = match event {
            Event::ClientMessages { connection, messages } => self.client_messages(connection, messages),
            Event::Listen { connection, last_event_id } => self.listen(connection, last_event_id.as_deref()),
            Event::Stream { connection } => {
                self.streams.demand_sse(connection);
                Ok(())
            }
            Event::ConnectionClosed { connection } => {
                self.streams.close(connection);
                Ok(())
            }
            Event::ServerMessage(message) => {
                let message = self.prefix.add(message);
                self.server_message(message);
                Ok(())
            }
            Event::ServerGone(error) => {
                self.server_gone(error);
                Ok(())
            }
            Event::Tick => Ok(()),
            Event::Retry { .. } | Event::TaskInput { .. } | Event::TaskCancel { .. } => Err(Refusal::WrongSession),
        };
        self.settle();
        outcome
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What `connection` may send next. Pull again after [`Pull::OpenSse`] and [`Pull::Event`]; after
    /// [`Pull::Pending`], when [`Action::Wake`] says so. Look at [`Relay::is_backlogged`] afterwards: taking an
    /// event makes room.
    pub fn pull(&mut self, now: Time, connection: ConnectionId) -> Pull {
        self.advance(now);
        let prime = self.handshake.primes_streams().then_some(self.config.retry);
        self.streams.pull(connection, prime)
    }

    /// The session is over and its exchanges are closed: ends what is open with `error`, and records what nobody has
    /// taken. Call [`Relay::poll`] until it gives `None`, then drop the relay.
    pub fn end(&mut self, error: ErrorObject) {
        self.server_gone(error);
        self.settle();
        self.streams.end();
        self.settle();
    }

    /// When to send [`Event::Tick`], if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        let call = self.calls.oldest().map(|call| call.started + self.config.request_timeout);
        let request = self.server_requests.oldest().map(|request| request.asked + self.config.request_timeout);
        let stall = self.streams.stall_deadline(self.config.stall_timeout);
        [call, request, stall].into_iter().flatten().min()
    }

    /// Client requests without an answer, and answers that nobody has pulled. The session is not idle while there
    /// are any.
    pub fn in_flight(&self) -> usize {
        self.calls.len() + self.streams.answers()
    }

    /// Who the server is, once it has answered `initialize`.
    pub fn profile(&self) -> Option<&Arc<ServerProfile>> {
        self.profile.as_ref()
    }

    /// The version the server chose, once it has answered `initialize`.
    pub fn negotiated(&self) -> Option<LegacyVersion> {
        self.handshake.negotiated()
    }

    /// Whether connections leave so much lying that the server should be read no further. Goes away as they pull,
    /// or as [`Event::Tick`] cuts them.
    pub fn is_backlogged(&self) -> bool {
        self.streams.is_backlogged()
    }

    /// Takes the bounds of the one who goes on with a relay from a record.
    pub(crate) fn refit(&mut self, config: Config) {
        self.streams.refit(&config);
        self.config = config;
        self.settle();
    }

    /// The bounds it keeps to.
    #[cfg(test)]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The exchanges that are open, after which nobody has looked since the record was made.
    pub(crate) fn connections(&mut self) -> Vec<ConnectionId> {
        self.streams.orphaned()
    }

    fn listen(&mut self, connection: ConnectionId, last_event_id: Option<&str>) -> Result<(), Refusal> {
        match (last_event_id, &self.gone) {
            (Some(last), _) => self.streams.resume(connection, last),
            (None, Some(error)) if !self.streams.has_waiting() => Err(Refusal::ServerGone(error.clone())),
            (None, _) => self.streams.listen(connection),
        }
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.streams.advance(self.now);
    }

    fn write(&mut self, raw: Bytes) {
        if self.gone.is_none() {
            self.actions.push_back(Action::ToServer(to_line(self.prefix.take_off(raw))));
        }
    }

    fn give_up_at_server(&mut self, id: &RequestId, reason: &str) {
        self.write(cancelled(id, reason));
    }

    fn record(&mut self, record: Record) {
        self.actions.push_back(Action::Record(record));
    }
}
