//! A session with a second pair of books: what was accepted, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::Answer;
use super::*;
use crate::upgraded::calls::Stand;
use crate::upgraded::translator::Purpose;
use crate::{Kind, Outcome, Why};

pub(super) struct Ledger {
    session: Session,
    config: Config,
    next_connection: u64,
    next_payload: u64,
    connections: BTreeSet<u64>,
    /// Client requests by id: accepted less answered.
    unanswered: BTreeMap<u8, i64>,
    accepted: usize,
    ended: usize,
    /// Requests the server has neither answered nor heard the end of, and their methods.
    upstream: BTreeMap<i64, String>,
    /// The last id the server has seen.
    newest: i64,
    /// Questions the client has seen and neither answered nor heard the end of.
    seen: BTreeSet<String>,
    /// Questions the client was told the end of.
    noticed: BTreeSet<String>,
    /// Questions that have ended.
    over: BTreeSet<String>,
    /// Notifications that went out.
    told: BTreeSet<u64>,
    lost: usize,
    gone: bool,
}

impl Ledger {
    pub(super) fn new(config: Config, is_open: bool) -> Self {
        let mut ledger = Self {
            session: Session::new(config.clone()),
            config,
            next_connection: 1000,
            next_payload: 0,
            connections: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            accepted: 0,
            ended: 0,
            upstream: BTreeMap::new(),
            newest: 0,
            seen: BTreeSet::new(),
            noticed: BTreeSet::new(),
            over: BTreeSet::new(),
            told: BTreeSet::new(),
            lost: 0,
            gone: false,
        };
        ledger.take(Step::Initialize(100));
        if is_open {
            ledger.take(Step::Answer(0, Answer::Complete));
            ledger.take(Step::Listen);
            ledger.take(Step::Pull(0, 5));
        }
        ledger
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Initialize(id) => {
                let capabilities = json!({"elicitation": {}, "sampling": {}});
                self.ask(id, &initialize(id.into(), "2025-06-18", capabilities));
            }
            Step::Ask(id, true) => self.ask(id, &call(id)),
            Step::Ask(id, false) => self.ask(id, &request(id, "tools/list", json!({}))),
            Step::Ping(id) => self.ask(id, &request(id, "ping", json!({}))),
            Step::Subscribe(id, uri) => self.ask(id, &request(id, "resources/subscribe", json!({"uri": name(uri)}))),
            Step::Unsubscribe(id, uri) => {
                self.ask(id, &request(id, "resources/unsubscribe", json!({"uri": name(uri)})))
            }
            Step::Tell(which) => {
                let methods = ["initialized", "roots/list_changed", "progress"];
                self.say(&notification(&format!("notifications/{}", methods[which % 3]), json!({})));
            }
            Step::Reply(which, is_ok) => {
                let Some(id) = self.seen.iter().nth(which % self.seen.len().max(1)).cloned() else {
                    return;
                };
                self.seen.remove(&id);
                let answer = json!({"action": "accept"});
                self.say(&if is_ok { result(id, answer) } else { error(id, -1, "no") });
            }
            Step::Cancel(id) => self.say(&cancelled(id)),
            Step::Listen => {
                let connection = self.connection();
                let listen = Event::Listen { connection: ConnectionId(connection), last_event_id: None };
                if self.session.on(listen).is_ok() {
                    self.connections.insert(connection);
                }
            }
            Step::Close(which) => {
                if let Some(connection) = self.pick_connection(which) {
                    self.connections.remove(&connection);
                    self.session.on(Event::ConnectionClosed { connection: ConnectionId(connection) }).unwrap();
                }
            }
            Step::Pull(which, most) => {
                if let Some(connection) = self.pick_connection(which) {
                    for _ in 0..most {
                        if !self.pull(connection) {
                            break;
                        }
                    }
                }
            }
            Step::Answer(which, answer) => {
                if let Some(id) = self.pick_upstream(which) {
                    let method = self.upstream.remove(&id).unwrap();
                    self.session.server(&answered(id, &method, answer));
                }
            }
            Step::Invent(id) => self.session.server(&result(i64::from(id) + 1000, json!({}))),
            Step::Acknowledge(which, up_to) => {
                let id = self.pick_upstream(which).unwrap_or(77);
                let uris: Vec<_> = (0..up_to).map(name).collect();
                let params = json!({"_meta": {SUBSCRIPTION: id}, "notifications": {"resourceSubscriptions": uris}});
                self.session.server(&notification("notifications/subscriptions/acknowledged", params));
            }
            Step::Changed(which, uri) => {
                let id = self.pick_upstream(which).unwrap_or(77);
                self.next_payload += 1;
                let params = json!({"_meta": {SUBSCRIPTION: id}, "uri": name(uri), "payload": self.next_payload});
                self.session.server(&notification("notifications/resources/updated", params));
            }
            Step::Withdraw(which, ask) => {
                if let Some(id) = self.pick_upstream(which) {
                    if self.upstream[&id] == "subscriptions/listen" {
                        self.upstream.remove(&id);
                    }
                    self.session.server(&cancelled(id));
                }
                self.session.server(&cancelled(format!("ask-{ask}")));
            }
            Step::Question(id) => {
                self.session.server(&request(format!("s{id}"), "roots/list", json!({})));
                if !self.gone {
                    let refusal = self.session.lines.pop().unwrap();
                    assert_eq!((code(&refusal), &refusal["id"]), (-32600, &json!(format!("s{id}"))));
                }
            }
            Step::Wait(seconds) => {
                self.session.wait(Duration::from_secs(seconds.into()));
                let deadline = self.session.bridge.deadline();
                assert!(deadline.is_none_or(|deadline| deadline > self.session.now), "{deadline:?}");
            }
            Step::HandOver => self.session.hand_over(),
            Step::Gone => self.server_gone(),
        }
        self.read_actions();
    }

    /// What must hold at any time.
    pub(super) fn check(&self) {
        let translator = &self.session.bridge.translator;
        let known: BTreeSet<i64> = translator.upstream().map(|(id, _)| id.as_json().parse().unwrap()).collect();
        assert_eq!(known, self.upstream.keys().copied().collect(), "what the server has is what is waited for");
        let openings = translator.upstream().filter(|(_, purpose)| matches!(purpose, Purpose::Opening { .. })).count();
        let listens = &translator.listens;
        let waiting = listens.waiting.len() + listens.next.as_ref().map_or(0, |next| next.waiters.len());
        let open = translator.calls.len() + openings + waiting;
        assert_eq!(self.ended + open, self.accepted, "the translator and the relay know of the same calls");
        assert!(open <= self.config.in_flight && self.session.bridge.in_flight() <= self.config.in_flight);
        assert!(translator.questions.len() <= self.config.server_requests);
        let mut asked = 0;
        for (client, call) in &translator.calls {
            match &call.stand {
                Stand::AtServer(upstream) => {
                    let purpose = translator.upstream().find(|(id, _)| *id == upstream).unwrap().1;
                    assert!(matches!(purpose, Purpose::Call(of) if of == client));
                }
                Stand::AtClient(questions) => {
                    assert!(!questions.open.is_empty(), "somebody waits for nothing");
                    asked += questions.open.len();
                    assert!(questions.open.keys().all(|id| translator.questions[id] == *client));
                }
            }
        }
        assert_eq!(asked, translator.questions.len());
    }

    /// Lets everything come to its end, and looks at what is left.
    pub(super) fn finish(mut self, end: End) {
        match end {
            End::Timeout => {
                // A request of the bridge's own, made because another has ended, has its own time.
                for _ in 0..3 {
                    self.session.wait(self.config.request_timeout);
                    self.read_actions();
                }
            }
            End::ServerGone => self.server_gone(),
            End::Session => {
                self.session.bridge.end(ErrorObject::new(SERVER_GONE, "session ended"));
                self.session.drain();
                self.read_actions();
            }
        }
        self.read_actions();
        assert_eq!(self.ended, self.accepted);
        assert!(self.upstream.values().all(|method| method == "subscriptions/listen"), "{:?}", self.upstream);
        assert!(self.upstream.len() <= 1);
        self.check();
        if self.config.transport == Transport::SingleStream {
            self.take(Step::Listen);
        }
        for connection in self.connections.clone() {
            while self.pull(connection) {}
        }
        self.session.bridge.end(ErrorObject::new(SERVER_GONE, "session ended"));
        self.session.drain();
        self.read_actions();
        assert!(self.seen.is_subset(&self.over), "a question without an end: {:?}", self.seen);
        assert!(self.seen.len() <= self.lost, "the client was not told of the end of {:?}", self.seen);
        let open: Vec<_> = self.unanswered.iter().filter(|(_, open)| **open != 0).collect();
        assert!(open.is_empty(), "answers that went nowhere, or went twice: {open:?}");
    }

    fn ask(&mut self, id: u8, body: &Value) {
        let connection = self.connection();
        let is_single = self.config.transport == Transport::SingleStream;
        let event = Event::ClientMessages {
            connection: Some(ConnectionId(connection)).filter(|_| !is_single),
            messages: vec![message(body)],
        };
        if self.session.on(event).is_err() {
            return;
        }
        *self.unanswered.entry(id).or_default() += 1;
        self.accepted += 1;
        if !is_single {
            self.connections.insert(connection);
        }
    }

    fn say(&mut self, body: &Value) {
        let event = Event::ClientMessages { connection: None, messages: vec![message(body)] };
        assert_eq!(self.session.on(event).is_err(), self.gone);
    }

    fn server_gone(&mut self) {
        self.session.server_gone();
        self.gone = true;
        self.read_actions();
        assert!(self.upstream.is_empty(), "what is open is given up: {:?}", self.upstream);
    }

    /// Whether there may be more.
    fn pull(&mut self, connection: u64) -> bool {
        match self.session.pull(connection) {
            Pull::Pending => false,
            Pull::OpenSse => true,
            Pull::Event(event) => {
                if !event.data.is_empty() {
                    self.deliver(&serde_json::from_slice(&event.data).unwrap());
                }
                true
            }
            Pull::Json(body) => {
                self.deliver(&serde_json::from_slice(&body).unwrap());
                self.connections.remove(&connection);
                false
            }
            Pull::End | Pull::Cut(_) => {
                self.connections.remove(&connection);
                false
            }
        }
    }

    fn deliver(&mut self, body: &Value) {
        let text = format!("{}{}", body["result"], body["params"]);
        assert!(!text.contains("io.modelcontextprotocol/") && !text.contains("resultType"), "{body}");
        match (body["method"].as_str(), body["id"].as_str()) {
            (Some(_), Some(id)) => assert!(self.seen.insert(id.to_owned()), "asked twice: {body}"),
            (Some("notifications/cancelled"), None) => {
                let id = body["params"]["requestId"].as_str().unwrap().to_owned();
                self.seen.remove(&id);
                assert!(self.noticed.insert(id), "ended twice: {body}");
            }
            (Some(_), None) => assert!(self.told.insert(body["params"]["payload"].as_u64().unwrap()), "told twice"),
            (None, _) => *self.unanswered.get_mut(&id_of(&body["id"].to_string())).unwrap() -= 1,
        }
    }

    fn read_actions(&mut self) {
        for line in self.session.heard() {
            let method = line["method"].as_str().unwrap_or_else(|| panic!("an answer to nothing: {line}"));
            if let Some(id) = line["id"].as_i64() {
                assert!(id > self.newest, "an id is used twice");
                self.newest = id;
                assert_eq!(line["params"]["_meta"][VERSION], "2026-07-28");
                self.upstream.insert(id, method.to_owned());
            } else {
                assert_eq!(method, "notifications/cancelled");
                let id = line["params"]["requestId"].as_i64().unwrap();
                assert!(self.upstream.remove(&id).is_some(), "given up, but not open: {line}");
            }
        }
        for record in self.session.recorded() {
            match record {
                Record::CallEnded { .. } => self.ended += 1,
                Record::ServerRequestEnded { id, outcome, .. } => {
                    assert!(self.over.insert(id.as_json().trim_matches('"').to_owned()), "ended twice");
                    assert_ne!(outcome, Outcome::Timeout, "its call times out first");
                }
                Record::Undeliverable { kind: Kind::Answer, id, .. } => {
                    *self.unanswered.get_mut(&id_of(id.unwrap().as_json())).unwrap() -= 1;
                }
                Record::Undeliverable { kind: Kind::Notification, why: Why::OutOfPlace, .. } => {}
                Record::Undeliverable { kind: Kind::Notification, .. } => self.lost += 1,
                Record::Evicted { events, .. } => self.lost += events,
                _ => {}
            }
        }
        let opened = self.session.actions.iter().filter(|action| matches!(action, Action::Ready(_))).count();
        assert!(opened <= 1);
    }

    fn pick_connection(&self, which: usize) -> Option<u64> {
        self.connections.iter().nth(which % self.connections.len().max(1)).copied()
    }

    fn pick_upstream(&self, which: usize) -> Option<i64> {
        self.upstream.keys().nth(which % self.upstream.len().max(1)).copied()
    }

    fn connection(&mut self) -> u64 {
        self.next_connection += 1;
        self.next_connection
    }
}

fn answered(id: i64, method: &str, answer: Answer) -> Value {
    let elicit = json!({"method": "elicitation/create", "params": {"message": "?"}});
    match answer {
        Answer::Complete if method == "server/discover" => {
            discovered(id, json!({"tools": {"listChanged": true}, "resources": {"subscribe": true}}))
        }
        Answer::Complete => result(id, json!({"resultType": "complete", "_meta": {SERVER: {"name": "x"}}})),
        Answer::Error => error(id, -32603, "no"),
        Answer::Input(elicits, samples, has_state) => {
            let mut requests: serde_json::Map<String, Value> =
                (0..elicits).map(|n| (format!("e{n}"), elicit.clone())).collect();
            if samples {
                requests.insert("s".to_owned(), json!({"method": "sampling/createMessage"}));
            }
            let mut body = json!({"resultType": "input_required", "inputRequests": requests});
            if has_state {
                body["requestState"] = json!("state");
            }
            result(id, body)
        }
        Answer::Beyond => {
            let requests = json!({"e": elicit, "r": {"method": "roots/list"}});
            result(id, json!({"resultType": "input_required", "inputRequests": requests}))
        }
        Answer::Nonsense(which) => {
            let nonsense = [
                json!(null),
                json!([]),
                json!({"resultType": "task"}),
                json!({"resultType": "input_required"}),
                json!({"resultType": "input_required", "inputRequests": {"x": {"method": "ping"}}}),
            ];
            result(id, nonsense[usize::from(which)].clone())
        }
    }
}

fn name(uri: u8) -> String {
    format!("file:///{uri}")
}

fn id_of(json: &str) -> u8 {
    json.parse().unwrap()
}
