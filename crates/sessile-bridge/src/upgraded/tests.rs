//! The upgrade, told as transcripts: who said what, and who heard it.

mod calls;
mod laws;
mod listens;
mod opening;
mod rounds;

use std::time::Duration;

use serde_json::{Value, json};
use sessile_protocol::error::SERVER_GONE;
use sessile_protocol::{ErrorObject, Message};

use crate::{Action, Config, ConnectionId, Event, Pull, Record, Refusal, Time, Upgraded};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const INFO: &str = "io.modelcontextprotocol/clientInfo";
const LEVEL: &str = "io.modelcontextprotocol/logLevel";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// A session with both its ends.
struct Session {
    bridge: Upgraded,
    now: Time,
    /// What the server was told and nobody looked at.
    lines: Vec<Value>,
    records: Vec<Record>,
    woken: Vec<u64>,
    /// The other actions.
    actions: Vec<Action>,
}

impl Session {
    fn new(config: Config) -> Self {
        let bridge = Upgraded::new(config);
        Self { bridge, now: Time::default(), lines: vec![], records: vec![], woken: vec![], actions: vec![] }
    }

    /// A session that is open, with everything about that looked at.
    fn open(client: Value, server: Value) -> Self {
        Self::open_with(Config::default(), "2025-06-18", client, server)
    }

    fn open_with(config: Config, version: &str, client: Value, server: Value) -> Self {
        let mut session = Self::new(config);
        session.post(900, &initialize(900, version, client));
        session.server(&discovered(1, server));
        assert!(matches!(session.pull(900), Pull::Json(_)));
        session.look();
        session
    }

    fn on(&mut self, event: Event) -> Result<(), Refusal> {
        let outcome = self.bridge.on(self.now, event);
        self.drain();
        outcome
    }

    /// Another process goes on with the session, by its record.
    fn hand_over(&mut self) {
        let record = serde_json::to_string(&self.bridge).unwrap();
        let mut goes_on: Upgraded = serde_json::from_str(&record).unwrap();
        goes_on.refit(self.bridge.relay.config().clone());
        self.bridge = goes_on;
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.bridge.poll() {
            match action {
                Action::ToServer(line) => self.lines.push(serde_json::from_slice(&line).unwrap()),
                Action::Record(record) => self.records.push(record),
                Action::Wake(ConnectionId(connection)) => self.woken.push(connection),
                other => self.actions.push(other),
            }
        }
    }

    /// A POST with one request.
    fn post(&mut self, connection: u64, body: &Value) {
        let connection = Some(ConnectionId(connection));
        self.on(Event::ClientMessages { connection, messages: vec![message(body)] }).unwrap();
    }

    /// A message of the client that wants no answer.
    fn tell(&mut self, body: &Value) {
        self.on(Event::ClientMessages { connection: None, messages: vec![message(body)] }).unwrap();
    }

    /// A request that is answered at once.
    fn asks(&mut self, body: &Value) -> Value {
        self.post(800, body);
        self.json(800)
    }

    fn listen(&mut self, connection: u64) {
        self.on(Event::Listen { connection: ConnectionId(connection), last_event_id: None }).unwrap();
    }

    fn server(&mut self, body: &Value) {
        self.on(Event::ServerMessage(message(body))).unwrap();
    }

    fn server_gone(&mut self) {
        self.on(Event::ServerGone(ErrorObject::new(SERVER_GONE, "server ended"))).unwrap();
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.on(Event::Tick).unwrap();
    }

    fn pull(&mut self, connection: u64) -> Pull {
        self.bridge.pull(self.now, ConnectionId(connection))
    }

    /// The body of the next event.
    fn event(&mut self, connection: u64) -> Value {
        loop {
            match self.pull(connection) {
                Pull::OpenSse => {}
                Pull::Event(event) if event.data.is_empty() => {}
                Pull::Event(event) => return serde_json::from_slice(&event.data).unwrap(),
                other => panic!("expected an event, got {other:?}"),
            }
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

    /// The one line that the server was told since the last look.
    fn heard_one(&mut self) -> Value {
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.remove(0)
    }

    /// What was recorded since the last look.
    fn recorded(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    fn look(&mut self) {
        self.heard();
        self.recorded();
        self.woken.clear();
        self.actions.clear();
    }
}

fn message(body: &Value) -> Message {
    Message::parse(body.to_string().into()).unwrap()
}

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

fn initialize(id: i64, version: &str, capabilities: Value) -> Value {
    let info = json!({"name": "tester", "version": "1"});
    request(id, "initialize", json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": info}))
}

fn discovered(id: i64, capabilities: Value) -> Value {
    let meta = json!({SERVER: {"name": "fixture", "version": "3"}});
    result(
        id,
        json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
            "instructions": "be kind", "_meta": meta, "ttlMs": 1, "cacheScope": "public",
        }),
    )
}

fn call(id: impl Into<Value>) -> Value {
    request(id, "tools/call", json!({"name": "add"}))
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn result(id: impl Into<Value>, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": result})
}

fn error(id: impl Into<Value>, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "error": {"code": code, "message": message}})
}

fn cancelled(id: impl Into<Value>) -> Value {
    notification("notifications/cancelled", json!({"requestId": id.into(), "reason": "bored"}))
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap()
}

const MINUTE: Duration = Duration::from_secs(60);
