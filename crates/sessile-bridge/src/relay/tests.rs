//! The relay, told as transcripts: who said what, and who heard it.

mod answers;
mod bounds;
mod cancellation;
mod handover;
mod laws;
mod resumption;
mod routing;
mod single_stream;

use std::time::Duration;

use serde_json::{Value, json};
use sessile_protocol::error::SERVER_GONE;
use sessile_protocol::{ErrorObject, Message};

use crate::{Action, Config, ConnectionId, Event, Pull, Record, Refusal, Relay, Time};

/// A session with both its ends.
struct Session {
    relay: Relay,
    now: Time,
    /// What the server was told and nobody looked at.
    lines: Vec<Value>,
    records: Vec<Record>,
    woken: Vec<u64>,
}

impl Session {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self { relay: Relay::new(config), now: Time::default(), lines: vec![], records: vec![], woken: vec![] }
    }

    /// A session that has agreed on a version, with everything about that looked at.
    fn speaking(version: &str, config: Config) -> Self {
        let mut session = Self::with(config);
        session.post(900, &request(900, "initialize", json!({"protocolVersion": version}))).unwrap();
        session.server(&json!({"jsonrpc": "2.0", "id": 900, "result": {"protocolVersion": version}}));
        assert!(matches!(session.pull(900), Pull::Json(_)));
        session.look();
        session
    }

    fn on(&mut self, event: Event) -> Result<(), Refusal> {
        let outcome = self.relay.on(self.now, event);
        self.drain();
        outcome
    }

    /// Another process goes on with the session, by its record.
    fn hand_over(&mut self) {
        let record = serde_json::to_string(&self.relay).unwrap();
        let mut goes_on: Relay = serde_json::from_str(&record).unwrap();
        goes_on.refit(self.relay.config.clone());
        self.relay = goes_on;
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.relay.poll() {
            match action {
                Action::ToServer(line) => self.lines.push(serde_json::from_slice(&line).unwrap()),
                Action::Record(record) => self.records.push(record),
                Action::Wake(ConnectionId(connection)) => self.woken.push(connection),
                Action::Ready(_) | Action::ListChanged(_) => {}
                other => panic!("a relay does not say {other:?}"),
            }
        }
    }

    /// A POST with one message.
    fn post(&mut self, connection: u64, body: &Value) -> Result<(), Refusal> {
        let connection =
            Some(ConnectionId(connection)).filter(|_| body.get("method").is_some() && body.get("id").is_some());
        self.on(Event::ClientMessages { connection, messages: vec![message(body)] })
    }

    fn batch(&mut self, connection: u64, bodies: &[Value]) -> Result<(), Refusal> {
        let messages = bodies.iter().map(message).collect();
        self.on(Event::ClientMessages { connection: Some(ConnectionId(connection)), messages })
    }

    /// A message of the client that wants no answer.
    fn tell(&mut self, body: &Value) {
        self.on(Event::ClientMessages { connection: None, messages: vec![message(body)] }).unwrap();
    }

    fn listen(&mut self, connection: u64) {
        self.on(Event::Listen { connection: ConnectionId(connection), last_event_id: None }).unwrap();
    }

    fn resume(&mut self, connection: u64, last: &str) -> Result<(), Refusal> {
        self.on(Event::Listen { connection: ConnectionId(connection), last_event_id: Some(last.to_owned()) })
    }

    fn stream(&mut self, connection: u64) {
        self.on(Event::Stream { connection: ConnectionId(connection) }).unwrap();
    }

    fn close(&mut self, connection: u64) {
        self.on(Event::ConnectionClosed { connection: ConnectionId(connection) }).unwrap();
    }

    fn server(&mut self, body: &Value) {
        self.on(Event::ServerMessage(message(body))).unwrap();
    }

    fn server_gone(&mut self) {
        self.on(Event::ServerGone(ErrorObject::new(SERVER_GONE, "server ended"))).unwrap();
    }

    fn end(&mut self) {
        self.relay.end(ErrorObject::new(SERVER_GONE, "session ended"));
        self.drain();
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.on(Event::Tick).unwrap();
    }

    fn pull(&mut self, connection: u64) -> Pull {
        self.relay.pull(self.now, ConnectionId(connection))
    }

    /// The id and the body of the next event.
    fn event(&mut self, connection: u64) -> (String, Value) {
        match self.pull(connection) {
            Pull::Event(event) => {
                let body =
                    if event.data.is_empty() { Value::Null } else { serde_json::from_slice(&event.data).unwrap() };
                (event.id.unwrap_or_default(), body)
            }
            other => panic!("expected an event, got {other:?}"),
        }
    }

    /// The one JSON answer.
    fn json(&mut self, connection: u64) -> Value {
        match self.pull(connection) {
            Pull::Json(body) => serde_json::from_slice(&body).unwrap(),
            other => panic!("expected a JSON answer, got {other:?}"),
        }
    }

    /// What the server was told since the last look.
    fn heard(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.lines)
    }

    /// What was recorded since the last look.
    fn recorded(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    fn look(&mut self) {
        self.heard();
        self.recorded();
        self.woken.clear();
    }
}

fn message(body: &Value) -> Message {
    Message::parse(body.to_string().into()).unwrap()
}

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

fn call(id: impl Into<Value>) -> Value {
    request(id, "tools/call", json!({"name": "add"}))
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// A notification that belongs to whatever is in flight.
fn log(text: &str) -> Value {
    notification("notifications/message", json!({"level": "info", "data": text}))
}

fn result(id: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": {}})
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap()
}

const MINUTE: Duration = Duration::from_secs(60);
