//! What a random session has said, counted a second time.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Kind, Outcome};

/// One client request that was taken.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) answers: u32,
    /// Its client went, or was cut off.
    pub(super) has_left: bool,
}

/// The second pair of books.
#[derive(Default)]
pub(super) struct Books {
    /// Client requests by connection.
    pub(super) taken: BTreeMap<u64, Taken>,
    /// How many of them are recorded as ended.
    pub(super) ended: usize,
    /// Requests the server has not answered: id and method.
    pub(super) asked: BTreeMap<u64, String>,
    /// Those it need not answer any more.
    pub(super) given_up: BTreeSet<u64>,
    /// Questions the server has no answer to.
    pub(super) questions: BTreeSet<u8>,
    /// Tasks, and whether they are over.
    pub(super) tasks: BTreeMap<String, bool>,
    /// Newest questions of each task.
    pub(super) task_questions: BTreeMap<String, Value>,
    pub(super) logs_told: usize,
    pub(super) logs_sent: usize,
    pub(super) logs_lost: usize,
    pub(super) evicted: usize,
}

impl Books {
    /// The server was told something.
    pub(super) fn heard(&mut self, line: &Value) {
        let id = line.get("id");
        match (line.get("method").and_then(Value::as_str), id) {
            (Some(method), Some(id)) => {
                let id = id.as_u64().unwrap();
                let is_new = self.asked.insert(id, method.to_owned()).is_none() && !self.given_up.contains(&id);
                assert!(is_new, "an id is used once: {line}");
            }
            (Some("notifications/cancelled"), None) => {
                let id = line["params"]["requestId"].as_u64().unwrap();
                assert!(self.asked.remove(&id).is_some(), "only what is open is cancelled: {line}");
                self.given_up.insert(id);
            }
            (Some(_), None) => {}
            (None, _) => {
                let id = u8::try_from(line["id"].as_u64().unwrap()).unwrap();
                assert!(self.questions.remove(&id), "answered twice, or never asked: {line}");
            }
        }
    }

    pub(super) fn recorded(&mut self, record: Record) {
        match record {
            Record::CallEnded { .. } => self.ended += 1,
            Record::ServerRequestEnded { id, outcome: Outcome::ServerGone, .. } => {
                self.questions.remove(&id.as_json().parse().unwrap());
            }
            Record::Undeliverable { kind: Kind::Notification, method: Some(method), .. }
                if method == "notifications/message" =>
            {
                self.logs_lost += 1;
            }
            Record::Evicted { events, .. } => self.evicted += events,
            Record::ConnectionCut { connection, .. } => self.left(connection.0),
            _ => {}
        }
    }

    pub(super) fn task_changed(&mut self, change: TaskChange) {
        let TaskChange { task, state } = change;
        if state == TaskState::Created {
            assert_eq!(self.tasks.insert(task, false), None, "created once");
            return;
        }
        assert_eq!(self.tasks.get(&task), Some(&false), "told of while it is there: {state:?}");
        let questions = match &state {
            TaskState::InputRequired(requests) => serde_json::from_str(requests).unwrap(),
            _ => json!({}),
        };
        self.task_questions.insert(task.clone(), questions);
        if matches!(state, TaskState::Completed(_) | TaskState::Failed(_) | TaskState::Cancelled) {
            self.tasks.insert(task, true);
        }
    }

    /// The client got a message on a connection.
    pub(super) fn got(&mut self, connection: u64, body: &Value) {
        if body["method"] == "notifications/message" {
            self.logs_sent += 1;
        }
        if body.get("method").is_none() {
            let taken = self.taken.get_mut(&connection).unwrap();
            taken.answers += 1;
            assert_eq!(taken.answers, 1, "answered twice: {body}");
            if let Some(task) = body["result"]["taskId"].as_str().filter(|task| task.starts_with("task-")) {
                assert!(self.tasks.contains_key(task), "stored before it is told of");
            }
        }
    }

    pub(super) fn left(&mut self, connection: u64) {
        if let Some(taken) = self.taken.get_mut(&connection) {
            taken.has_left = true;
        }
    }

    /// Everything is over: each request has its one answer, unless its client went before.
    pub(super) fn close(&self) {
        let open: Vec<_> =
            self.taken.iter().filter(|(_, taken)| taken.answers == 0 && !taken.has_left).map(|(id, _)| id).collect();
        assert!(open.is_empty(), "no answer on {open:?}");
    }
}
