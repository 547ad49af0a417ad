//! Calls come to their end, each with one answer.

use bytes::Bytes;
use sessile_protocol::error::{CANCELLED, cancelled, error_response, raw_error, raw_result};
use sessile_protocol::{Era, ErrorObject, Method};

use crate::event::{Action, ConnectionId, TaskState};
use crate::event_id::StreamId;
use crate::mint::CallId;
use crate::record::{Kind, Outcome, Record, Why};
use crate::ring::Content;
use crate::streams::{Effect, Reach};

use super::Modern;
use super::asked::id_of;
use super::call::{Call, Phase};
use super::opening::Stage;
use super::question::{Origin, Question};

impl Modern {
    /// Ends a call with a result of the bridge's own, JSON text.
    pub(super) fn answer_call(&mut self, id: CallId, result: &str, outcome: Outcome) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let body = raw_result(&call.exchange.id_text, result);
        self.finish_call(id, body, outcome);
    }

    /// Ends a call that the server has answered. Questions its client has not seen may be another call's.
    pub(super) fn finish_call(&mut self, id: CallId, body: Bytes, outcome: Outcome) {
        self.end_exchange(id, body, outcome);
        if let Some(call) = self.calls.remove(id) {
            let error = ErrorObject::new(CANCELLED, "the call this was asked for is over");
            for question in call.questions {
                if question.is_published { self.reject(question, &error) } else { self.place(question, None) }
            }
        }
    }

    /// Ends a call with an error of Sessile's own.
    pub(super) fn fail_call(&mut self, id: CallId, error: &ErrorObject, outcome: Outcome) {
        if let Some(call) = self.calls.get(id) {
            let body = fail(&call.exchange.id_text, error);
            self.end_exchange(id, body, outcome);
        }
        if let Some(call) = self.calls.remove(id) {
            self.discard(call, error);
        }
    }

    /// Answers the client request of a call. The call may go on without it.
    pub(super) fn end_exchange(&mut self, id: CallId, body: Bytes, outcome: Outcome) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (request, stream) = (call.exchange.id.clone(), call.exchange.stream);
        let record = ended(call, outcome, self.now.since(call.exchange.since));
        self.streams.answer(stream, request, body);
        self.record(record);
    }

    /// Gives a call up at the server: it is told, and its answer is dropped when it comes.
    pub(super) fn give_up_at_server(&mut self, id: CallId, reason: &str) {
        let number = self.calls.get_mut(id).and_then(|call| call.upstream.take());
        if let Some(number) = number.filter(|number| self.asked.give_up(*number)) {
            self.write(cancelled(&id_of(number), reason));
        }
    }

    /// The client has left an exchange before it was answered.
    pub(super) fn client_left(&mut self, connection: ConnectionId) {
        let is_here = |call: &Call| call.is_connected() && call.exchange.connection == connection;
        if let Some(id) = self.calls.find(is_here) {
            self.give_up_at_server(id, "the client closed its request");
            let error = ErrorObject::new(CANCELLED, "the client closed its request");
            if let Some(call) = self.calls.remove(id) {
                self.streams.abandon(call.exchange.stream);
                let took = self.now.since(call.exchange.since);
                self.record(ended(&call, Outcome::Cancelled, took));
                self.discard(call, &error);
            }
        } else {
            self.listener_left(connection);
        }
    }

    /// The client gives up a call with a message.
    pub(super) fn cancel_call(&mut self, id: CallId) {
        let error = ErrorObject::new(CANCELLED, "the client cancelled the request");
        self.give_up_at_server(id, &error.message);
        if self.calls.get(id).is_some_and(Call::is_parked) {
            self.drop_parked(id, &error, Outcome::Cancelled);
        } else {
            self.fail_call(id, &error, Outcome::Cancelled);
        }
    }

    /// Forgets a call that waits for its client.
    pub(super) fn drop_parked(&mut self, id: CallId, error: &ErrorObject, outcome: Outcome) {
        let Some(call) = self.calls.remove(id) else {
            return;
        };
        if let Phase::Parked { since, .. } = call.phase {
            let waited = self.now.since(since);
            let (method, subject) = (call.method.clone(), call.subject.clone());
            self.record(Record::ParkedCallEnded { method, subject, outcome, waited });
        }
        self.discard(call, error);
    }

    /// Drops what a call holds that has left the table.
    pub(super) fn discard(&mut self, call: Call, error: &ErrorObject) {
        for question in call.questions {
            self.reject(question, error);
        }
        if let Some(progress) = call.progress {
            self.undelivered(Kind::Notification, progress.method().cloned(), Why::ClientLeft);
        }
        if call.answer.is_some() {
            let (kind, id, why) = (Kind::Answer, Some(call.exchange.id), Why::ClientLeft);
            self.record(Record::Undeliverable { kind, id, method: Some(call.method), why });
        }
    }

    /// Answers a question with an error.
    pub(super) fn reject(&mut self, question: Question, error: &ErrorObject) {
        let outcome = match error.code {
            sessile_protocol::error::TIMEOUT => Outcome::Timeout,
            CANCELLED => Outcome::Cancelled,
            _ => Outcome::Undeliverable,
        };
        if let Origin::Server(id) = &question.origin {
            self.write(error_response(Some(id), error));
        }
        self.end_question(question, outcome);
    }

    /// Answers a question with the client's result, JSON text.
    pub(super) fn resolve(&mut self, question: Question, result: &str) {
        if let Origin::Server(id) = &question.origin {
            self.write(raw_result(id.as_json(), result));
        }
        self.end_question(question, Outcome::Ok);
    }

    /// Records the end of a question that has left its call.
    pub(super) fn end_question(&mut self, question: Question, outcome: Outcome) {
        if let Origin::Server(id) = question.origin {
            self.questions.remove(&id);
            let took = self.now.since(question.asked);
            self.record(Record::ServerRequestEnded { id, method: question.method, outcome, took });
        }
    }

    /// Ends every open request with `error`; from now on new ones are refused with it.
    pub(super) fn server_gone(&mut self, error: ErrorObject) {
        if self.gone.is_some() {
            return;
        }
        // A modern server may wait for those who listen, and for what it still works on, before it ends.
        for number in self.asked.clear() {
            if matches!(self.era(), Some(Era::Modern(_))) {
                self.write(cancelled(&id_of(number), "the session ends"));
            }
        }
        self.gone = Some(error.clone());
        if self.profile().is_none() {
            self.stage = Stage::Closed;
        }
        self.server_tasks.clear();
        while let Some(id) = self.calls.first() {
            // Their server asked for nothing any more: taken out first, so that they end for its reason.
            let questions = self.calls.get_mut(id).map(|call| std::mem::take(&mut call.questions));
            for question in questions.into_iter().flatten() {
                self.end_question(question, Outcome::ServerGone);
            }
            match self.calls.get(id).map(|call| &call.phase) {
                Some(Phase::Parked { .. }) => self.drop_parked(id, &error, Outcome::ServerGone),
                Some(Phase::Task(_)) => self.end_task(id, TaskState::Failed(error_json(&error))),
                _ => self.fail_call(id, &error, Outcome::ServerGone),
            }
        }
        for question in std::mem::take(&mut self.homeless) {
            self.end_question(question, Outcome::ServerGone);
        }
        self.end_subscriptions();
        self.streams.close_down();
    }

    /// Sends a notification on a stream.
    pub(super) fn tell(&mut self, stream: StreamId, method: Method, data: Bytes) {
        if self.streams.reach(stream) == Reach::None {
            return self.undelivered(Kind::Notification, Some(method), Why::ClientLeft);
        }
        self.streams.send(Some(stream), Content::Notification(method), data);
    }

    /// Records that a message of the server without an id goes nowhere.
    pub(super) fn undelivered(&mut self, kind: Kind, method: Option<Method>, why: Why) {
        self.record(Record::Undeliverable { kind, id: None, method, why });
    }

    /// Turns what the streams did into actions.
    pub(super) fn settle(&mut self) {
        let (mut events, mut bytes) = (0, 0);
        while let Some(effect) = self.streams.next_effect() {
            match effect {
                Effect::Wake(connection) => self.actions.push_back(Action::Wake(connection)),
                Effect::Cut(connection, cut) => {
                    self.record(Record::ConnectionCut { connection, cut });
                    self.client_left(connection);
                }
                Effect::Moved(..) => {}
                Effect::Lost(Content::Notification(_), size, Why::Evicted | Why::SessionEnded) => {
                    events += 1;
                    bytes += size;
                }
                Effect::Homeless(content, _) => self.lose(content, Why::ClientLeft),
                Effect::Lost(content, _, why) => self.lose(content, why),
            }
        }
        if events > 0 {
            self.record(Record::Evicted { events, bytes });
        }
        self.streams.note_backlog();
    }

    /// Nobody will ever take this message.
    fn lose(&mut self, content: Content, why: Why) {
        let (kind, id, method) = match content {
            Content::Answer(id) => (Kind::Answer, Some(id), None),
            Content::Notification(method) => (Kind::Notification, None, Some(method)),
            Content::Request(id, method) => (Kind::Request, Some(id), Some(method)),
        };
        self.record(Record::Undeliverable { kind, id, method, why });
    }
}

/// A response to the client with an error of Sessile's own.
pub(super) fn fail(id: &str, error: &ErrorObject) -> Bytes {
    raw_error(id, &error_json(error))
}

/// An error as JSON text.
pub(super) fn error_json(error: &ErrorObject) -> String {
    serde_json::to_string(error).unwrap_or_else(|_| r#"{"code":-32603,"message":"internal error"}"#.to_owned())
}

fn ended(call: &Call, outcome: Outcome, took: std::time::Duration) -> Record {
    let (id, method, subject) = (call.exchange.id.clone(), call.method.clone(), call.subject.clone());
    Record::CallEnded { id, method, subject, outcome, took }
}
