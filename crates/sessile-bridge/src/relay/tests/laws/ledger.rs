//! A session with a second pair of books: what was accepted, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Kind, Outcome, Side, Why};

/// What an exchange looked like when it was last looked at.
#[derive(Default)]
struct Exchange {
    /// Nothing was there to pull, and no wake has come since.
    is_quiet: bool,
}

pub(super) struct Ledger {
    session: Session,
    config: Config,
    next_connection: u64,
    next_payload: u64,
    exchanges: BTreeMap<u64, Exchange>,
    event_ids: BTreeSet<String>,
    /// The event id (or none) under which each payload went out.
    sent: BTreeMap<u64, String>,
    /// Questions the client has seen.
    asked: BTreeSet<u64>,
    /// Notifications of the relay's own that went out.
    own_sent: usize,
    /// Client requests by id: accepted less answered.
    unanswered: BTreeMap<u8, i64>,
    ended: i64,
    accepted: i64,
    /// Questions that timed out before the client saw them.
    unseen: usize,
    /// Open questions of the server.
    questions: BTreeSet<u8>,
    /// Notifications: told, and lost with a record.
    told: usize,
    lost: usize,
    gone: bool,
}

impl Ledger {
    pub(super) fn new(config: Config, version: &str) -> Self {
        let mut session = Session::with(config.clone());
        let ask = request(200, "initialize", json!({"protocolVersion": version}));
        session.on(Event::ClientMessages { connection: Some(ConnectionId(0)), messages: vec![message(&ask)] }).unwrap();
        session.server(&json!({"jsonrpc": "2.0", "id": 200, "result": {"protocolVersion": version}}));
        if config.transport == Transport::SingleStream {
            session.listen(0);
            session.event(0);
            session.close(0);
        } else {
            session.json(0);
        }
        session.look();
        Self {
            session,
            config,
            next_connection: 1,
            next_payload: 0,
            exchanges: BTreeMap::new(),
            event_ids: BTreeSet::new(),
            sent: BTreeMap::new(),
            asked: BTreeSet::new(),
            own_sent: 0,
            unanswered: BTreeMap::new(),
            ended: 0,
            accepted: 0,
            questions: BTreeSet::new(),
            unseen: 0,
            told: 0,
            lost: 0,
            gone: false,
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Ask(ids) => self.ask(&ids),
            Step::Listen => {
                let connection = self.connection();
                self.open(connection, Event::Listen { connection: ConnectionId(connection), last_event_id: None });
            }
            Step::Resume(which) => {
                if let Some(id) = pick(&self.event_ids, which).cloned() {
                    self.resume(id);
                }
            }
            Step::Stream(which) => {
                if let Some(connection) = pick_key(&self.exchanges, which) {
                    self.session.stream(connection);
                }
            }
            Step::Close(which) => {
                if let Some(connection) = pick_key(&self.exchanges, which) {
                    self.exchanges.remove(&connection);
                    self.session.close(connection);
                }
            }
            Step::Pull(which, most) => {
                if let Some(connection) = pick_key(&self.exchanges, which) {
                    for _ in 0..most {
                        self.pull(connection);
                    }
                }
            }
            Step::Reply(id) => self.say(result(id)),
            Step::Cancel(id) => self.say(notification("notifications/cancelled", json!({"requestId": id}))),
            Step::Answer(id) => {
                let payload = self.payload();
                self.session.server(&json!({"jsonrpc": "2.0", "id": id, "result": {"payload": payload}}));
            }
            Step::Question(id) => self.question(id),
            Step::Withdraw(id) => {
                self.questions.remove(&id);
                self.tell("notifications/cancelled", json!({"requestId": id}));
            }
            Step::Progress(token) => self.tell("notifications/progress", json!({"progressToken": token})),
            Step::Tell(size) => self.tell("notifications/message", json!({"data": "x".repeat(size.into())})),
            Step::Changed => self.tell("notifications/tools/list_changed", json!({})),
            Step::Wait(seconds) => {
                self.session.wait(Duration::from_secs(seconds.into()));
                let deadline = self.session.relay.deadline();
                assert!(deadline.is_none_or(|deadline| deadline > self.session.now), "{deadline:?}");
            }
            Step::HandOver => self.session.hand_over(),
            Step::Gone => self.server_gone(),
        }
        self.read_actions();
    }

    /// What must hold at any time.
    pub(super) fn check(&mut self) {
        let relay = &self.session.relay;
        relay.streams.check(relay.config.ring_bytes, relay.config.ring_events);
        assert!(relay.in_flight() <= self.config.in_flight);
        assert!(relay.server_requests.len() <= self.config.server_requests);
        assert_eq!(relay.server_requests.len(), self.questions.len());
        let open = i64::try_from(relay.calls.len()).unwrap();
        assert_eq!(self.ended + open, self.accepted);
        let quiet: Vec<_> =
            self.exchanges.iter().filter(|(_, state)| state.is_quiet).map(|(connection, _)| *connection).collect();
        for connection in quiet {
            assert_eq!(self.session.pull(connection), Pull::Pending, "nobody woke {connection}");
        }
    }

    /// Lets everything come to its end, and looks at what is left.
    pub(super) fn finish(mut self, end: End) {
        match end {
            End::Timeout => self.session.wait(self.config.request_timeout),
            End::ServerGone => self.server_gone(),
            End::Session => self.session.end(),
        }
        self.read_actions();
        assert_eq!((self.ended, self.session.relay.calls.len()), (self.accepted, 0));
        assert_eq!(self.questions, BTreeSet::new(), "every question was answered, or nobody waits for it");
        self.check();
        self.collect();
        let waiting = self.session.relay.streams.unsent();
        if end != End::Session {
            self.check_answers();
            assert!(waiting == 0 || self.config.transport == Transport::Streamable);
        }
        self.session.end();
        self.read_actions();
        self.check_answers();
        let sent = self.sent.len() + self.own_sent;
        assert_eq!(sent + self.lost + self.unseen, self.told, "sent, lost with a record; of what was told");
    }

    fn check_answers(&self) {
        let open: Vec<_> = self.unanswered.iter().filter(|(_, open)| **open != 0).collect();
        assert!(open.is_empty(), "answers that went nowhere, or went twice: {open:?}");
    }

    /// The client takes all there is: on its open exchanges, then on each stream it may resume.
    fn collect(&mut self) {
        let open: Vec<_> = self.exchanges.keys().copied().collect();
        for connection in open {
            self.drain(connection);
        }
        if self.config.transport == Transport::SingleStream {
            let connection = self.connection();
            self.open(connection, Event::Listen { connection: ConnectionId(connection), last_event_id: None });
            self.drain(connection);
        }
        for id in self.event_ids.clone() {
            if let Some(connection) = self.resume(id) {
                self.drain(connection);
            }
        }
    }

    fn drain(&mut self, connection: u64) {
        while self.pull(connection) {}
        if self.exchanges.remove(&connection).is_some() {
            self.session.close(connection);
        }
        self.read_actions();
    }

    fn ask(&mut self, ids: &[(u8, bool)]) {
        let connection = self.connection();
        let ask = |(id, token): &(u8, bool)| {
            let meta = if *token { json!({"progressToken": id}) } else { json!({}) };
            message(&request(*id, "tools/call", json!({"name": "x", "_meta": meta})))
        };
        let single = self.config.transport == Transport::SingleStream;
        let event = Event::ClientMessages {
            connection: Some(ConnectionId(connection)).filter(|_| !single),
            messages: ids.iter().map(ask).collect(),
        };
        let lines = self.session.lines.len();
        let Ok(()) = self.session.on(event) else {
            assert!(self.session.lines[lines..].iter().all(|line| line["method"] != "tools/call"));
            return;
        };
        for (id, _) in ids {
            *self.unanswered.entry(*id).or_default() += 1;
            self.accepted += 1;
        }
        if !single {
            self.exchanges.insert(connection, Exchange::default());
        }
    }

    fn open(&mut self, connection: u64, event: Event) -> bool {
        let is_open = self.session.on(event).is_ok();
        if is_open {
            self.exchanges.insert(connection, Exchange::default());
        }
        is_open
    }

    fn resume(&mut self, id: String) -> Option<u64> {
        let connection = self.connection();
        let event = Event::Listen { connection: ConnectionId(connection), last_event_id: Some(id) };
        self.open(connection, event).then_some(connection)
    }

    fn say(&mut self, body: Value) {
        let event = Event::ClientMessages { connection: None, messages: vec![message(&body)] };
        assert_eq!(self.session.on(event).is_err(), self.gone);
    }

    fn question(&mut self, id: u8) {
        if !self.gone {
            self.questions.insert(id);
        }
        let question = self.payload();
        self.session.server(&request(id, "roots/list", json!({"question": question})));
    }

    fn tell(&mut self, method: &str, mut params: Value) {
        params["payload"] = self.payload().into();
        self.told += 1;
        self.session.server(&notification(method, params));
    }

    fn server_gone(&mut self) {
        self.session.server_gone();
        self.gone = true;
        // Nobody is left to be answered; what was not sent is taken back.
        self.read_actions();
    }

    /// Whether there may be more.
    fn pull(&mut self, connection: u64) -> bool {
        let pulled = self.session.pull(connection);
        let exchange = self.exchanges.get_mut(&connection);
        match pulled {
            Pull::Pending => exchange.unwrap().is_quiet = true,
            Pull::OpenSse => return true,
            Pull::Json(body) => {
                self.deliver(&serde_json::from_slice(&body).unwrap(), String::new());
                self.exchanges.remove(&connection);
            }
            Pull::Event(event) => {
                let id = event.id.unwrap_or_default();
                let is_first = self.event_ids.insert(id.clone()) || id.is_empty();
                if self.config.transport == Transport::SingleStream {
                    assert_eq!(id, "");
                    self.event_ids.clear();
                }
                if !event.data.is_empty() {
                    let body = serde_json::from_slice(&event.data).unwrap();
                    if is_first {
                        self.deliver(&body, id);
                    } else if let Some(payload) = body["params"]["payload"].as_u64() {
                        assert_eq!(self.sent.get(&payload), Some(&id), "replayed under another id");
                    }
                }
                return true;
            }
            Pull::End | Pull::Cut(_) => {
                self.exchanges.remove(&connection);
            }
        }
        false
    }

    fn deliver(&mut self, body: &Value, event: String) {
        if let Some(payload) = body["params"]["payload"].as_u64() {
            assert_eq!(self.sent.insert(payload, event), None, "went out twice: {body}");
        } else if let Some(question) = body["params"]["question"].as_u64() {
            assert!(self.asked.insert(question), "asked twice: {body}");
        } else if body.get("method").is_some() {
            self.own_sent += 1;
        } else {
            *self.unanswered.get_mut(&id_of(&body["id"])).unwrap() -= 1;
        }
    }

    fn read_actions(&mut self) {
        for connection in std::mem::take(&mut self.session.woken) {
            if let Some(exchange) = self.exchanges.get_mut(&connection) {
                exchange.is_quiet = false;
            }
        }
        for line in self.session.heard() {
            if line.get("method").is_none() {
                let id = id_of(&line["id"]);
                assert!(self.questions.remove(&id), "answered twice, or never asked: {line}");
            }
        }
        for record in self.session.recorded() {
            self.read_record(record);
        }
    }

    fn read_record(&mut self, record: Record) {
        match record {
            Record::CallEnded { .. } => self.ended += 1,
            Record::Undeliverable { kind: Kind::Answer, id, .. } => {
                let id = id.unwrap().as_json().parse().unwrap();
                *self.unanswered.get_mut(&id).unwrap() -= 1;
            }
            Record::Undeliverable { kind: Kind::Notification, .. } => self.lost += 1,
            // The client is told of a question that timed out, unless it has not seen it.
            Record::Undeliverable { kind: Kind::Request, why: Why::Timeout, .. } => self.unseen += 1,
            Record::Undeliverable { kind: Kind::Request, .. } | Record::ConnectionCut { .. } => {}
            Record::Evicted { events, .. } => self.lost += events,
            Record::ServerRequestEnded { id, outcome, .. } => match outcome {
                Outcome::ServerGone => {
                    self.questions.remove(&id.as_json().parse().unwrap());
                }
                Outcome::Timeout => self.told += 1,
                _ => {}
            },
            Record::LateAnswer { from, .. } | Record::UnknownAnswer { from, .. } => {
                assert!(matches!(from, Side::Client | Side::Server));
            }
            other => panic!("a relay does not record {other:?}"),
        }
    }

    fn connection(&mut self) -> u64 {
        self.next_connection += 1;
        self.next_connection
    }

    fn payload(&mut self) -> u64 {
        self.next_payload += 1;
        self.next_payload
    }
}

fn id_of(id: &Value) -> u8 {
    u8::try_from(id.as_u64().unwrap()).unwrap()
}

fn pick<T>(from: &BTreeSet<T>, which: usize) -> Option<&T> {
    from.iter().nth(which % from.len().max(1))
}

fn pick_key<T>(from: &BTreeMap<u64, T>, which: usize) -> Option<u64> {
    from.keys().nth(which % from.len().max(1)).copied()
}
