//! Calls that take long become tasks, for servers that make none themselves (SEP-2663).

mod input;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sessile_protocol::error::{CANCELLED, raw_result};
use sessile_protocol::{ErrorObject, Message, Method, Object};

use crate::event::{Action, TaskChange, TaskState};
use crate::mint::CallId;
use crate::record::{Kind, Outcome, Why};
use crate::time::Time;

use super::Modern;
use super::call::{Call, Phase};
use super::rewrite;

/// How often a task's progress is told at most.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often clients are asked to look, in milliseconds.
const POLL_INTERVAL_MS: u32 = 1000;

/// A call that goes on without an exchange.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Task {
    id: String,
    created: String,
    /// Until when its questions must be answered.
    until: Option<Time>,
    /// When its progress was last told.
    told: Option<Time>,
    /// The newest progress that is yet to be told.
    message: Option<String>,
    /// What was answered of a modern server's round, by the server's keys.
    responses: Vec<(String, String)>,
    /// A modern server's own request state of that round.
    inner: Option<String>,
    rounds: u32,
}

impl Task {
    /// When something happens to it.
    pub(super) fn due(&self) -> Option<Time> {
        let message = self.message.as_ref().and(self.told).map(|told| told + PROGRESS_INTERVAL);
        [self.until, message].into_iter().flatten().min()
    }
}

impl Modern {
    pub(super) fn task_call(&self, task: &str) -> Option<CallId> {
        self.calls.find(|call| call.task().is_some_and(|known| known.id == task))
    }

    /// A call that has taken long enough becomes a task.
    pub(super) fn promote(&mut self, id: CallId) {
        let (task, created) = (self.mint.task_id(), self.mint.timestamp());
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.is_promotable = false;
        let Some(task) = task else {
            return;
        };
        let task = Task { id: task, created, ..Task::default() };
        let mut result = self.describe(&task, "working");
        result.set("resultType", r#""task""#);
        self.add_server_info(&mut result);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.phase = Phase::Task(Box::new(task));
        let body = raw_result(&call.exchange.id_text, &result.to_json());
        // Stored first: it must be there when the client asks for it.
        self.change_task(id, TaskState::Created);
        self.end_exchange(id, body, Outcome::Task);
    }

    /// Tells what has become of a task, to the runtime and to those who listen.
    pub(super) fn change_task(&mut self, id: CallId, state: TaskState) {
        let Some(task) = self.calls.get(id).and_then(Call::task) else {
            return;
        };
        let name = task.id.clone();
        let (status, payload) = match &state {
            TaskState::Created => ("working", None),
            TaskState::Working(message) => {
                let message = message.as_deref().map(|message| serde_json::Value::from(message).to_string());
                ("working", message.map(|message| ("statusMessage", message)))
            }
            TaskState::InputRequired(requests) => ("input_required", Some(("inputRequests", requests.clone()))),
            TaskState::Completed(result) => ("completed", Some(("result", result.clone()))),
            TaskState::Failed(error) => ("failed", Some(("error", error.clone()))),
            TaskState::Cancelled => ("cancelled", None),
        };
        let listeners = self.subscriptions.those(|listener| listener.tasks.contains(&name));
        if !listeners.is_empty() {
            let mut params = self.describe(task, status);
            if let Some((member, json)) = payload {
                params.set(member, json);
            }
            let method = Method::new("notifications/tasks");
            for listener in listeners {
                let Some(known) = self.subscriptions.listeners.get(&listener) else {
                    continue;
                };
                let params = rewrite::with_subscription(params.clone(), &known.exchange.id_text);
                let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
                self.notify(listener, &name, &method, body.into());
            }
        }
        self.actions.push_back(Action::Task(TaskChange { task: name, state }));
    }

    /// A task is over.
    pub(super) fn end_task(&mut self, id: CallId, state: TaskState) {
        self.change_task(id, state);
        if let Some(call) = self.calls.remove(id) {
            if call.task().is_some_and(|task| task.message.is_some()) {
                self.undelivered(Kind::Notification, Some(Method::new("notifications/progress")), Why::Superseded);
            }
            self.discard(call, &ErrorObject::new(CANCELLED, "the call this was asked for is over"));
        }
    }

    /// The server has reported progress of a task.
    pub(super) fn task_progress(&mut self, id: CallId, message: &Message) {
        let params = message.params().and_then(Object::parse).unwrap_or_default();
        let text = params.string("message");
        let now = self.now;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let has_questions = !call.questions.is_empty();
        let (Some(text), Some(task), false) = (text, call.task_mut(), has_questions) else {
            return self.unwanted(message);
        };
        if task.told.is_some_and(|told| told + PROGRESS_INTERVAL > now) {
            if task.message.replace(text).is_some() {
                self.undelivered(Kind::Notification, message.method().cloned(), Why::Superseded);
            }
            return;
        }
        task.told = Some(now);
        self.change_task(id, TaskState::Working(Some(text)));
    }

    /// Something is due of a task.
    pub(super) fn expire_task(&mut self, id: CallId) {
        let now = self.now;
        let Some(task) = self.calls.get_mut(id).and_then(Call::task_mut) else {
            return;
        };
        if task.until.is_some_and(|until| until <= now) {
            return self.expire_task_questions(id);
        }
        task.told = Some(now);
        let message = task.message.take();
        self.change_task(id, TaskState::Working(message));
    }

    /// A task as it is described, but for what its status adds.
    fn describe(&self, task: &Task, status: &str) -> Object<'static> {
        let mut described = Object::new();
        described.set_string("taskId", &task.id);
        described.set_string("status", status);
        described.set_string("createdAt", &task.created);
        described.set_string("lastUpdatedAt", &self.mint.timestamp());
        described.set("ttlMs", self.config.task_ttl.as_millis().to_string());
        described.set("pollIntervalMs", POLL_INTERVAL_MS.to_string());
        described
    }
}
