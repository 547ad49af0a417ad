//! A modern server's answers: relayed, with what leads its client back to this session.

use std::time::Duration;

use sessile_protocol::error::INTERNAL_ERROR;
use sessile_protocol::{ErrorObject, Message, Object};

use crate::event::Action;
use crate::mint::CallId;
use crate::record::Outcome;

use super::Modern;
use super::call::Phase;
use super::methods::is_parkable;
use super::rewrite;

/// How many of a server's own tasks are watched at once.
const MAX_SERVER_TASKS: usize = 1024;

impl Modern {
    /// Gives the client what a modern server has answered.
    pub(super) fn relay_answer(&mut self, id: CallId, message: &Message) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (method, text) = (call.method.clone(), call.exchange.id_text.clone());
        let result = message.result().and_then(Object::parse).unwrap_or_default();
        let kind = result.string("resultType");
        let outcome = match kind.as_deref() {
            Some("input_required") if is_parkable(&method) => return self.relay_questions(id, message, &result),
            Some("task") => {
                self.watch_server_task(&result);
                Outcome::Task
            }
            _ if message.result().is_none() => Outcome::Error,
            _ => Outcome::Ok,
        };
        if method == "tasks/get" {
            self.note_server_task(&result);
        }
        self.finish_call(id, rewrite::response(message, &text), outcome);
    }

    /// The server's questions go to the client; its request state goes sealed inside of ours.
    fn relay_questions(&mut self, id: CallId, message: &Message, result: &Object<'_>) {
        let inner = result.string("requestState");
        let Some(state) = self.seal(id, inner.as_deref()) else {
            let error = ErrorObject::new(INTERNAL_ERROR, "the question cannot be asked");
            return self.fail_call(id, &error, Outcome::Error);
        };
        let (since, until) = (self.now, self.now + self.config.park_timeout);
        // One too many is not remembered: its retry is a call like any other.
        let is_kept = self.calls.parked() < self.config.parked;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let mut result = result.clone();
        result.set_string("requestState", &state);
        let mut response = rewrite::members(message);
        response.set("id", &*call.exchange.id_text);
        response.set("result", result.to_json());
        let body = bytes::Bytes::from(response.to_json());
        call.phase = Phase::Parked { since, until };
        call.message = None;
        self.end_exchange(id, body, Outcome::InputRequired);
        if !is_kept {
            self.calls.remove(id);
        }
    }

    fn watch_server_task(&mut self, result: &Object<'_>) {
        let Some(task) = result.string("taskId") else {
            return;
        };
        let ttl = result.get("ttlMs").and_then(|ttl| ttl.parse().ok()).map(Duration::from_millis);
        let until = self.now + ttl.unwrap_or(self.config.task_ttl);
        if self.server_tasks.len() < MAX_SERVER_TASKS {
            self.server_tasks.insert(task.clone(), until);
        }
        self.actions.push_back(Action::ServerTask(task));
    }

    /// Looks whether a server's task, as it was just described, is over.
    pub(super) fn note_server_task(&mut self, described: &Object<'_>) {
        let status = described.get("status");
        if matches!(status, Some(r#""completed""# | r#""failed""# | r#""cancelled""#))
            && let Some(task) = described.string("taskId")
        {
            self.server_tasks.remove(&task);
        }
    }
}
