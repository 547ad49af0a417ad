//! The bridge for modern clients, told as transcripts: who said what, and who heard it.

mod bounds;
mod calls;
mod handover;
mod laws;
mod listening;
mod logging;
mod modern_server;
mod opening;
mod parking;
mod parking_ends;
mod placing;
mod tasks;

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use sessile_protocol::error::SERVER_GONE;
use sessile_protocol::{ErrorObject, Message};

use crate::{
    Action, CallId, ClientProfile, Config, ConnectionId, Event, List, Mint, Modern, Opening, Pull, Record, Refusal,
    StateOf, TaskChange, TaskState, Time, Transport,
};

/// Seals nothing: tests read what is in the states. The time of day stands still.
#[derive(Debug, Default)]
struct OpenMint {
    tasks: Cell<u32>,
}

impl Mint for OpenMint {
    /// No digest of cryptography: as good as the texts are different.
    fn digest(&self, text: &str) -> [u8; 32] {
        let mut digest = [0_u8; 32];
        for (index, byte) in text.bytes().enumerate() {
            digest[index % 32] = byte.wrapping_add(digest[index % 32].wrapping_mul(31));
        }
        digest
    }

    fn request_state(&self, state: &StateOf<'_>) -> Option<String> {
        let StateOf { call, generation, method, digest, valid_for, inner } = state;
        let state = json!({
            "call": call.0, "generation": generation, "method": method, "digest": digest,
            "validForMs": u64::try_from(valid_for.as_millis()).unwrap(), "inner": inner
        });
        Some(state.to_string())
    }

    fn task_id(&self) -> Option<String> {
        self.tasks.set(self.tasks.get() + 1);
        Some(format!("task-{}", self.tasks.get()))
    }

    fn timestamp(&self) -> String {
        "2026-07-28T00:00:00Z".to_owned()
    }
}

/// A session with both its ends.
struct Session {
    modern: Modern,
    now: Time,
    /// What the server was told and nobody looked at.
    lines: Vec<Value>,
    records: Vec<Record>,
    woken: Vec<u64>,
    tasks: Vec<TaskChange>,
    changed: Vec<List>,
    server_tasks: Vec<String>,
    ready: usize,
    unopened: Option<ErrorObject>,
}

impl Session {
    /// A session whose server has not said anything.
    fn new(opening: Opening, config: Config) -> Self {
        let client = ClientProfile {
            info: Some(r#"{"name":"host","version":"1"}"#.to_owned()),
            capabilities: r#"{"elicitation":{"form":{},"url":{}},"extensions":{"x/y":{}}}"#.to_owned(),
        };
        let config = Config { transport: Transport::PerRequest, ..config };
        let mut session = Self {
            modern: Modern::new(config, opening, client, Box::<OpenMint>::default()),
            now: Time(Duration::from_secs(1000)),
            lines: vec![],
            records: vec![],
            woken: vec![],
            tasks: vec![],
            changed: vec![],
            server_tasks: vec![],
            ready: 0,
            unopened: None,
        };
        session.drain();
        session
    }

    /// A session with a legacy server that can do everything, with the opening looked at.
    fn legacy(config: Config) -> Self {
        let mut session = Self::new(Opening::Legacy, config);
        let id = session.heard()[0]["id"].clone();
        session.server(&response(id, initialized()));
        session.look();
        session
    }

    /// A session with a modern server, with the opening looked at.
    fn modern(config: Config) -> Self {
        let mut session = Self::new(Opening::Modern, config);
        let id = session.heard()[0]["id"].clone();
        session.server(&response(id, discovered()));
        session.look();
        session
    }

    fn on(&mut self, event: Event) -> Result<(), Refusal> {
        let outcome = self.modern.on(self.now, event);
        self.drain();
        outcome
    }

    /// Another process goes on with the session, by its record.
    fn hand_over(&mut self) {
        let record = serde_json::to_string(&self.modern).unwrap();
        let mut goes_on: Modern = serde_json::from_str(&record).unwrap();
        let mint = std::mem::replace(&mut self.modern.mint, crate::mint::none());
        goes_on.refit(self.modern.config.clone(), mint);
        self.modern = goes_on;
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.modern.poll() {
            match action {
                Action::ToServer(line) => {
                    assert!(!line.contains(&b'\n'), "one line");
                    self.lines.push(serde_json::from_slice(&line).unwrap());
                }
                Action::Record(record) => self.records.push(record),
                Action::Wake(ConnectionId(connection)) => self.woken.push(connection),
                Action::Ready(_) => self.ready += 1,
                Action::Unopened(error) => self.unopened = Some(error),
                Action::ListChanged(list) => self.changed.push(list),
                Action::Task(change) => self.tasks.push(change),
                Action::ServerTask(task) => self.server_tasks.push(task),
            }
        }
    }

    /// A POST with one request.
    fn post(&mut self, connection: u64, body: &Value) -> Result<(), Refusal> {
        self.on(Event::ClientMessages { connection: Some(ConnectionId(connection)), messages: vec![message(body)] })
    }

    /// A POST with one request; gives what the server hears.
    fn call(&mut self, connection: u64, body: &Value) -> Value {
        self.post(connection, body).unwrap();
        let heard = self.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard[0].clone()
    }

    /// A POST with a message that wants no answer.
    fn tell(&mut self, body: &Value) {
        self.on(Event::ClientMessages { connection: None, messages: vec![message(body)] }).unwrap();
    }

    /// A request that goes on with the call of `answer`'s request state.
    fn retry(&mut self, connection: u64, body: &Value, answer: &Value, responses: Value) -> Result<(), Refusal> {
        let state = answer["result"]["requestState"].as_str().unwrap();
        let opened: Value = serde_json::from_str(state).unwrap();
        let mut body = body.clone();
        body["params"]["requestState"] = state.into();
        body["params"]["inputResponses"] = responses;
        assert_eq!(
            json!(OpenMint::default().digest(&crate::salient(&message(&body)))),
            opened["digest"],
            "the runtime compares them"
        );
        self.on(Event::Retry {
            connection: ConnectionId(connection),
            message: message(&body),
            call: CallId(opened["call"].as_u64().unwrap()),
            generation: u32::try_from(opened["generation"].as_u64().unwrap()).unwrap(),
            inner: opened["inner"].as_str().map(str::to_owned),
        })
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

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.on(Event::Tick).unwrap();
    }

    fn pull(&mut self, connection: u64) -> Pull {
        self.modern.pull(self.now, ConnectionId(connection))
    }

    /// The next event.
    fn event(&mut self, connection: u64) -> Value {
        match self.pull(connection) {
            Pull::Event(event) => {
                assert_eq!((event.id, event.retry), (None, None));
                serde_json::from_slice(&event.data).unwrap()
            }
            Pull::OpenSse => self.event(connection),
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

    /// The questions that a call ends with.
    fn input_required(&mut self, connection: u64) -> Value {
        self.wait(GATHER);
        let answer = self.json(connection);
        assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
        answer
    }

    /// What the server was told since the last look.
    fn heard(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.lines)
    }

    /// What was recorded since the last look.
    fn recorded(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// What became of tasks since the last look.
    fn states(&mut self) -> Vec<TaskState> {
        std::mem::take(&mut self.tasks).into_iter().map(|change| change.state).collect()
    }

    fn look(&mut self) {
        self.heard();
        self.recorded();
        self.woken.clear();
    }
}

/// A legacy server that can do everything.
fn initialized() -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {
            "tools": {"listChanged": true}, "prompts": {"listChanged": true},
            "resources": {"listChanged": true, "subscribe": true}, "logging": {}, "tasks": {}
        },
        "serverInfo": info(),
        "instructions": "be kind"
    })
}

fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "_meta": {"io.modelcontextprotocol/serverInfo": info()},
        "ttlMs": 5, "cacheScope": "private"
    })
}

fn info() -> Value {
    json!({"name": "fixture", "version": "9"})
}

/// What a client that can do everything puts into `_meta`.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "host", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {},
            "extensions": {"io.modelcontextprotocol/tasks": {}}
        }
    })
}

fn message(body: &Value) -> Message {
    Message::parse(body.to_string().into()).unwrap()
}

/// A request with no `_meta` of its own.
fn bare(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

/// A request as modern clients send it. Members of `_meta` in `params` are added.
fn request(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    let mut all = meta();
    for (name, value) in params["_meta"].as_object().cloned().unwrap_or_default() {
        all[name] = value;
    }
    params["_meta"] = all;
    bare(id, method, params)
}

fn call(id: impl Into<Value>) -> Value {
    request(id, "tools/call", json!({"name": "ask"}))
}

/// The same call of a client with these capabilities.
fn call_with(id: impl Into<Value>, capabilities: Value) -> Value {
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    request(id, "tools/call", json!({"name": "ask", "_meta": meta}))
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn response(id: impl Into<Value>, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": result})
}

fn failure(id: impl Into<Value>, code: i64, data: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "error": {"code": code, "message": "no", "data": data}})
}

fn cancelled(id: impl Into<Value>) -> Value {
    notification("notifications/cancelled", json!({"requestId": id.into()}))
}

/// A server asks for a name.
fn ask(id: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    bare(id, "elicitation/create", json!({"message": "name?", "requestedSchema": schema}))
}

/// A client gives a name.
fn accept(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("not an error: {answer}"))
}

fn nothing() -> [Value; 0] {
    []
}

const GATHER: Duration = Duration::from_millis(20);
const MINUTE: Duration = Duration::from_secs(60);
