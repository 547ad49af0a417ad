//! A random session, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use super::books::{Books, Taken};
use super::server::{Speaks, nonsense, question};
use super::steps::{Answers, End, Reply, Step, What};
use super::*;
use crate::modern::question::Origin;

pub(super) struct Ledger {
    session: Session,
    config: Config,
    speaks: Speaks,
    books: Books,
    next_connection: u64,
    /// Exchanges the client has open; `true` when nothing was there to pull, and no wake has come since.
    exchanges: BTreeMap<u64, bool>,
    /// Bodies by connection, for retries.
    bodies: BTreeMap<u64, Value>,
    /// Questions the client has got: the request, and the answer with the state.
    states: Vec<(Value, Value)>,
    /// States of a legacy server's calls that were taken.
    used: BTreeSet<String>,
    gone: bool,
}

impl Ledger {
    pub(super) fn new(opening: Opening, speaks: Speaks, config: Config) -> Self {
        let mut session = Session::new(opening, config.clone());
        session.wait(Duration::ZERO);
        let mut ledger = Self {
            session,
            config,
            speaks,
            books: Books::default(),
            next_connection: 0,
            exchanges: BTreeMap::new(),
            bodies: BTreeMap::new(),
            states: Vec::new(),
            used: BTreeSet::new(),
            gone: false,
        };
        ledger.read_actions();
        ledger
    }

    pub(super) fn take(&mut self, step: Step) {
        // What is due is not this step's doing.
        self.session.wait(Duration::ZERO);
        self.read_actions();
        match step {
            Step::Ask { id, what, token, level, capabilities } => self.ask(id, what, token, level, capabilities),
            Step::Listen(id, filter) => self.listen(id, filter),
            Step::Retry(which, answers) => self.retry(which, answers),
            Step::TaskInput(which, answers) => self.task_input(which, answers),
            Step::TaskCancel(which) => {
                if let Some(task) = self.task(which) {
                    let is_over = self.books.tasks[&task];
                    let outcome = self.session.on(Event::TaskCancel { task });
                    assert_eq!(outcome.is_err(), is_over || self.gone);
                }
            }
            Step::Cancel(id) => self.tell(&cancelled(id)),
            Step::Stream(which) => {
                if let Some(connection) = self.exchange(which) {
                    self.session.on(Event::Stream { connection: ConnectionId(connection) }).unwrap();
                }
            }
            Step::Close(which) => {
                if let Some(connection) = self.exchange(which) {
                    self.exchanges.remove(&connection);
                    self.books.left(connection);
                    self.session.close(connection);
                }
            }
            Step::Pull(which, most) => {
                if let Some(connection) = self.exchange(which) {
                    for _ in 0..most {
                        self.pull(connection);
                    }
                }
            }
            Step::Answer(which, reply) => self.answer(which, reply),
            Step::LateAnswer(which) => {
                let id = self.books.given_up.iter().nth(which % 5).copied().unwrap_or(9999);
                self.session.server(&response(id, json!({})));
            }
            Step::Question(id, what) => {
                if !self.gone {
                    self.books.questions.insert(id);
                }
                self.session.server(&question(id, what));
            }
            Step::Withdraw(id) => {
                self.books.questions.remove(&id);
                self.session.server(&cancelled(id));
            }
            Step::Completed => {
                self.session.server(&notification("notifications/elicitation/complete", json!({"elicitationId": "u"})));
            }
            Step::Progress(which, words) => {
                let token = self.asked(which).map_or(9999, |(id, _)| id);
                let params = json!({"progressToken": token, "progress": 1, "message": words.then_some("x")});
                self.session.server(&notification("notifications/progress", params));
            }
            Step::Log(severe, size) => {
                self.books.logs_told += 1;
                let params = json!({"level": if severe { "error" } else { "debug" }, "data": "x".repeat(size.into())});
                self.session.server(&notification("notifications/message", params));
            }
            Step::Changed(which) => {
                let (method, params) = match which % 3 {
                    0 => ("notifications/tools/list_changed", json!(null)),
                    1 => ("notifications/prompts/list_changed", json!({})),
                    _ => ("notifications/resources/updated", json!({"uri": format!("a:{}", which % 4)})),
                };
                self.session.server(&notification(method, params));
            }
            Step::Subscribed(which, first) => {
                let method = if first { "notifications/subscriptions/acknowledged" } else { "x/y" };
                let id = self.asked(which).map_or(9999, |(id, _)| id);
                let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
                self.session.server(&notification(method, json!({"_meta": meta})));
            }
            Step::Nonsense(which) => match nonsense(which) {
                (true, body) => self.tell(&body),
                (false, body) => {
                    self.books.logs_told += usize::from(body["method"] == "notifications/message");
                    self.session.server(&body);
                }
            },
            Step::Wait(millis) => {
                self.session.wait(Duration::from_millis(millis.into()));
                let deadline = self.session.modern.deadline();
                assert!(deadline.is_none_or(|deadline| deadline > self.session.now), "{deadline:?}");
            }
            Step::HandOver => self.session.hand_over(),
            Step::Gone => {
                self.gone = true;
                self.session.server_gone();
            }
        }
        self.read_actions();
    }

    /// What must hold at any time.
    pub(super) fn check(&mut self) {
        let modern = &self.session.modern;
        let config = &self.config;
        modern.streams.check(config.ring_bytes, config.ring_events);
        assert!(modern.calls.len() <= config.in_flight);
        assert!(modern.subscriptions.len() <= config.connections);
        assert!(modern.parked() <= config.parked);
        assert!(modern.questions.len() <= config.server_requests);
        assert!(modern.asked.len() <= modern.calls.len() + config.connections * 5 + 64 + 2);
        let open = modern.calls.iter().filter(|(_, call)| call.is_connected()).count() + modern.subscriptions.len();
        assert_eq!(self.books.ended + open, self.books.taken.len(), "each request ends once");
        let of_server = |question: &&crate::modern::question::Question| matches!(question.origin, Origin::Server(_));
        let held = modern.calls.iter().flat_map(|(_, call)| &call.questions).chain(&modern.homeless);
        assert_eq!(held.filter(of_server).count(), modern.questions.len());
        assert_eq!(modern.questions.len(), self.books.questions.len(), "each question is answered once");
        for listener in modern.subscriptions.listeners.values() {
            assert!(listener.held.len() <= 3 + listener.uris.len() + listener.tasks.len());
        }
        for (task, is_over) in &self.books.tasks {
            assert_eq!(modern.has_task(task), !is_over);
        }
        let quiet: Vec<_> = self.exchanges.iter().filter(|(_, quiet)| **quiet).map(|(id, _)| *id).collect();
        for connection in quiet {
            assert_eq!(self.session.pull(connection), Pull::Pending, "nobody woke {connection}");
        }
    }

    /// Lets everything come to its end, and looks at what is left.
    pub(super) fn finish(mut self, end: End) {
        match end {
            End::Timeout => {
                for _ in 0..4 {
                    self.session.wait(self.config.request_timeout);
                    self.read_actions();
                }
                for task in self.books.tasks.clone().into_keys() {
                    let _ = self.session.on(Event::TaskCancel { task });
                    self.read_actions();
                }
            }
            End::ServerGone => self.take(Step::Gone),
            End::Session => self.session.modern.end(ErrorObject::new(SERVER_GONE, "session ended")),
        }
        self.session.drain();
        self.read_actions();
        assert_eq!(self.session.modern.calls.len(), 0);
        assert_eq!(self.books.questions, BTreeSet::new());
        assert!(self.books.tasks.values().all(|is_over| *is_over));
        if end == End::Session {
            return;
        }
        self.check();
        if !self.gone {
            // Listening has no time limit of its own.
            self.take(Step::Gone);
        }
        for connection in self.exchanges.clone().into_keys() {
            while self.pull(connection) {}
        }
        self.read_actions();
        self.books.close();
        assert_eq!((self.session.modern.in_flight(), self.session.modern.streams.len()), (0, 0));
        assert_eq!(self.session.modern.deadline(), None);
        let books = &self.books;
        if books.evicted == 0 {
            assert_eq!(books.logs_sent + books.logs_lost, books.logs_told, "sent, or lost with a record");
        }
    }

    fn ask(&mut self, id: u8, what: What, token: bool, level: Option<bool>, capabilities: u8) {
        let (method, params) = match what {
            What::Tool => ("tools/call", json!({"name": "x"})),
            What::Prompt => ("prompts/get", json!({"name": "x"})),
            What::Resource => ("resources/read", json!({"uri": "a:1"})),
            What::List => ("tools/list", json!({})),
            What::Discover => ("server/discover", json!({})),
            What::Unknown => ("tasks/get", json!({"taskId": "t1"})),
        };
        let mut body = request(id, method, params);
        let meta = &mut body["params"]["_meta"];
        if token {
            meta["progressToken"] = id.into();
        }
        if let Some(severe) = level {
            meta["io.modelcontextprotocol/logLevel"] = if severe { "error" } else { "debug" }.into();
        }
        let declared = meta["io.modelcontextprotocol/clientCapabilities"].as_object_mut().unwrap();
        let names = ["elicitation", "sampling", "roots", "extensions"];
        for name in names.iter().enumerate().filter(|(bit, _)| capabilities & (1 << bit) == 0).map(|(_, name)| name) {
            declared.remove(*name);
        }
        self.post(body);
    }

    fn listen(&mut self, id: u8, filter: u8) {
        let bit = |bit: u8| filter & (1 << bit) != 0;
        let uris: Vec<_> = (4..8).filter(|number| bit(*number)).map(|number| format!("a:{}", number - 4)).collect();
        let tasks: Vec<_> = self.books.tasks.keys().filter(|_| bit(3)).collect();
        let filter = json!({
            "toolsListChanged": bit(0), "promptsListChanged": bit(1), "resourceSubscriptions": uris, "taskIds": tasks
        });
        let notifications = if bit(2) && bit(0) { json!(7) } else { filter };
        self.post(request(id, "subscriptions/listen", json!({"notifications": notifications})));
    }

    fn post(&mut self, body: Value) {
        let connection = self.connection();
        let outcome = self.session.post(connection, &body);
        self.taken(connection, body, &outcome);
    }

    fn taken(&mut self, connection: u64, body: Value, outcome: &Result<(), Refusal>) {
        match outcome {
            Ok(()) => {
                self.books.taken.insert(connection, Taken::default());
                self.exchanges.insert(connection, false);
                self.bodies.insert(connection, body);
            }
            Err(_) => {
                assert_eq!(self.session.lines, Vec::<Value>::new(), "a refusal changes nothing");
                assert_eq!(self.session.records, []);
            }
        }
    }

    fn retry(&mut self, which: usize, answers: Answers) {
        let Some((body, answer)) = self.states.get(which % self.states.len().max(1)).cloned() else {
            return;
        };
        let responses = respond(&answer["result"]["inputRequests"], answers);
        let connection = self.connection();
        let outcome = self.session.retry(connection, &body, &answer, responses);
        if outcome.is_ok() && self.speaks == Speaks::Legacy {
            let state = answer["result"]["requestState"].to_string();
            assert!(self.used.insert(state), "a state is good once");
        }
        self.taken(connection, body, &outcome);
    }

    fn task_input(&mut self, which: usize, answers: Answers) {
        let Some(task) = self.task(which) else {
            return;
        };
        let is_over = self.books.tasks[&task];
        let questions = self.books.task_questions.get(&task).cloned().unwrap_or_default();
        let responses = respond(&questions, answers).to_string();
        assert_eq!(self.session.on(Event::TaskInput { task, responses }).is_err(), is_over || self.gone);
    }

    fn answer(&mut self, which: usize, reply: Reply) {
        if let Some((id, method)) = self.asked(which) {
            self.books.asked.remove(&id);
            self.books.given_up.insert(id);
            self.session.server(&self.speaks.reply(id, &method, reply));
        }
    }

    fn tell(&mut self, body: &Value) {
        let event = Event::ClientMessages { connection: None, messages: vec![message(body)] };
        assert_eq!(self.session.on(event).is_err(), self.gone);
    }

    /// Whether there may be more.
    fn pull(&mut self, connection: u64) -> bool {
        match self.session.pull(connection) {
            Pull::Pending => {
                self.exchanges.insert(connection, true);
                return false;
            }
            Pull::OpenSse => return true,
            Pull::Event(event) => {
                self.got(connection, &event.data);
                return true;
            }
            Pull::Json(body) => self.got(connection, &body),
            Pull::End => {}
            Pull::Cut(_) => self.books.left(connection),
        }
        self.exchanges.remove(&connection);
        false
    }

    fn got(&mut self, connection: u64, data: &[u8]) {
        let body: Value = serde_json::from_slice(data).unwrap();
        self.books.got(connection, &body);
        let asked = &self.bodies[&connection];
        if body.get("method").is_none() {
            assert_eq!(body["id"], asked["id"], "under its client's id");
        }
        // What a modern server asks where it may not passes as it is.
        let may_ask = matches!(asked["method"].as_str(), Some("tools/call" | "prompts/get" | "resources/read"));
        if body["result"]["resultType"] == "input_required" && may_ask {
            self.states.push((asked.clone(), body));
        }
    }

    fn read_actions(&mut self) {
        for connection in std::mem::take(&mut self.session.woken) {
            if let Some(is_quiet) = self.exchanges.get_mut(&connection) {
                *is_quiet = false;
            }
        }
        for line in self.session.heard() {
            self.books.heard(&line);
        }
        for record in self.session.recorded() {
            self.books.recorded(record);
        }
        for change in std::mem::take(&mut self.session.tasks) {
            self.books.task_changed(change);
        }
        self.gone |= self.session.unopened.is_some();
        assert!(self.session.ready <= 1);
    }

    fn connection(&mut self) -> u64 {
        self.next_connection += 1;
        self.next_connection
    }

    fn exchange(&self, which: usize) -> Option<u64> {
        self.exchanges.keys().nth(which % self.exchanges.len().max(1)).copied()
    }

    fn asked(&self, which: usize) -> Option<(u64, String)> {
        let asked = &self.books.asked;
        asked.iter().nth(which % asked.len().max(1)).map(|(id, method)| (*id, method.clone()))
    }

    fn task(&self, which: usize) -> Option<String> {
        self.books.tasks.keys().nth(which % self.books.tasks.len().max(1)).cloned()
    }
}

/// A client's answers to `inputRequests`.
fn respond(requests: &Value, answers: Answers) -> Value {
    let right = |request: &Value| match (request["method"].as_str(), &request["params"]["mode"]) {
        (Some("elicitation/create"), Value::Null) => accept("Ada"),
        (Some("elicitation/create"), _) => json!({"action": "accept"}),
        (Some("roots/list"), _) => json!({"roots": []}),
        _ => json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": ""}}),
    };
    let all = requests.as_object().into_iter().flatten();
    match answers {
        Answers::All => all.map(|(key, request)| (key.clone(), right(request))).collect(),
        Answers::First => all.take(1).map(|(key, request)| (key.clone(), right(request))).collect(),
        Answers::Wrong => all.map(|(key, _)| (key.clone(), json!({"action": 1}))).collect(),
        Answers::None => json!({}),
        Answers::Nonsense => json!([["q1", {}]]),
    }
}
