//! Legacy client, modern server: the upgrade.
//!
//! The client's side is a [`Relay`]: streams, resumption, timeouts and the one answer of each request are the same
//! whatever the server speaks. Behind it a [`Translator`] plays a legacy server on top of the modern one.

mod calls;
mod client;
mod introduction;
mod listens;
mod opening;
mod questions;
mod rounds;
mod server;
mod structured;
mod subscribing;
#[cfg(test)]
mod tests;
mod translator;
mod wire;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sessile_protocol::{ErrorObject, LegacyVersion, Message};

use crate::config::Config;
use crate::event::{Action, ConnectionId, Event, Pull};
use crate::profile::ServerProfile;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::time::Time;
use translator::{Said, Translator};

/// The bridge of one session whose client is legacy and whose server speaks only modern over stdio.
///
/// ```
/// use sessile_bridge::{Action, Config, ConnectionId, Event, Pull, Time, Upgraded};
/// use sessile_protocol::Message;
///
/// let message = |text: &str| Message::parse(text.to_owned().into()).unwrap();
/// let mut bridge = Upgraded::new(Config::default());
/// let connection = ConnectionId(1);
///
/// let ask = message(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#);
/// bridge.on(Time::default(), Event::ClientMessages { connection: Some(connection), messages: vec![ask] })?;
/// let Some(Action::ToServer(line)) = bridge.poll() else { panic!() };
/// assert_eq!(&**Message::parse(line).unwrap().method().unwrap(), "server/discover");
///
/// let answer = message(
///     r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}"#,
/// );
/// bridge.on(Time::default(), Event::ServerMessage(answer))?;
/// let Pull::Json(body) = bridge.pull(Time::default(), connection) else { panic!() };
/// assert_eq!(Message::parse(body).unwrap().protocol_version().as_deref(), Some("2025-06-18"));
/// # Ok::<(), sessile_bridge::Refusal>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Upgraded {
    now: Time,
    relay: Relay,
    translator: Translator,
    #[serde(skip)]
    actions: VecDeque<Action>,
}

impl Upgraded {
    /// A bridge for a session that has not said anything.
    pub fn new(config: Config) -> Self {
        Self {
            now: Time::default(),
            translator: Translator::new(&config),
            relay: Relay::new(config),
            actions: VecDeque::new(),
        }
    }

    /// Takes an event. Call [`Upgraded::poll`] until it gives `None` afterwards. Time that goes backwards stands
    /// still.
    ///
    /// # Errors
    /// When the event is the client's and cannot be taken; nothing of it has happened then.
    pub fn on(&mut self, now: Time, event: Event) -> Result<(), Refusal> {
        self.advance(now);
        let outcome = match event {
            Event::ServerMessage(message) => {
                // What is due is over before the server's word is heard, as it is in the relay.
                let outcome = self.relay.on(self.now, Event::Tick);
                self.pump();
                self.translator.hear_server(&message);
                outcome
            }
            Event::ServerGone(error) => {
                self.translator.server_gone();
                self.relay.on(self.now, Event::ServerGone(error))
            }
            event => self.relay.on(self.now, event),
        };
        self.pump();
        self.translator.expire();
        self.pump();
        outcome
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What `connection` may send next; see [`Relay::pull`].
    pub fn pull(&mut self, now: Time, connection: ConnectionId) -> Pull {
        self.advance(now);
        self.relay.pull(self.now, connection)
    }

    /// The session is over and its exchanges are closed: ends what is open with `error`, and records what nobody has
    /// taken. Call [`Upgraded::poll`] until it gives `None`, then drop the bridge.
    pub fn end(&mut self, error: ErrorObject) {
        self.translator.server_gone();
        self.relay.end(error);
        self.pump();
    }

    /// When to send [`Event::Tick`], if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        [self.relay.deadline(), self.translator.deadline()].into_iter().flatten().min()
    }

    /// Client requests without an answer, those that wait for input of the client among them, and answers that nobody
    /// has pulled. The session is not idle while there are any.
    pub fn in_flight(&self) -> usize {
        self.relay.in_flight()
    }

    /// The version the client was told, once it has its answer to `initialize`.
    pub fn negotiated(&self) -> Option<LegacyVersion> {
        self.relay.negotiated()
    }

    /// Who the server is, once it has answered `server/discover`.
    pub fn profile(&self) -> Option<&Arc<ServerProfile>> {
        self.translator.profile()
    }

    /// Whether connections leave so much lying that the server should be read no further; see
    /// [`Relay::is_backlogged`].
    pub fn is_backlogged(&self) -> bool {
        self.relay.is_backlogged()
    }

    /// Takes the bounds of the one who goes on with a bridge from a record.
    pub(crate) fn refit(&mut self, config: Config) {
        self.translator.refit(&config);
        self.relay.refit(config);
        self.pump();
    }

    /// The exchanges that are open, after which nobody has looked since the record was made.
    pub(crate) fn connections(&mut self) -> Vec<ConnectionId> {
        self.relay.connections()
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.translator.advance(self.now);
    }

    /// Carries words between the relay and the translator until neither has more to say.
    fn pump(&mut self) {
        loop {
            if let Some(said) = self.translator.next() {
                match said {
                    Said::Do(action) => self.actions.push_back(action),
                    Said::ToClient(message) => self.relay.hear(self.now, message),
                    Said::Ask { call, question } => self.relay.ask(self.now, call, question),
                }
                continue;
            }
            match self.relay.poll() {
                None => return,
                // The relay writes what was read as a message before, or what it made itself.
                Some(Action::ToServer(line)) => {
                    if let Ok(message) = Message::parse(line) {
                        self.translator.hear_client(&message);
                    }
                }
                // It has read the answer to `initialize` that the translator made. The translator knows better.
                Some(Action::Ready(_)) => {}
                Some(action) => self.actions.push_back(action),
            }
        }
    }
}
