//! The client comes back with answers.

use sessile_protocol::error::CANCELLED;
use sessile_protocol::{Body, ErrorObject, Message, Object};

use crate::event::ConnectionId;
use crate::mint::CallId;
use crate::refusal::Refusal;

use super::Modern;
use super::call::{Call, Phase, Retried};
use super::fit::fits;
use super::question::Question;

/// What a URL that was opened is answered with when its client says nothing of it.
const ACCEPTED: &str = r#"{"action":"accept"}"#;

impl Modern {
    pub(super) fn retry(
        &mut self,
        connection: ConnectionId,
        message: Message,
        call: CallId,
        generation: u32,
        inner: Option<String>,
    ) -> Result<(), Refusal> {
        if let Some(error) = &self.gone {
            return Err(Refusal::ServerGone(error.clone()));
        }
        let Body::Request { id, method } = message.body() else {
            return Err(Refusal::WrongSession);
        };
        let (id, method) = (id.clone(), method.clone());
        let waits = |known: &&Call| known.is_parked() && known.generation == generation && known.method == method;
        let is_waiting = self.calls.get(call).filter(waits).is_some();
        if is_waiting {
            self.admit_connection(connection)?;
            let exchange = self.open_exchange(connection, id, &message);
            if let Some(call) = self.calls.get_mut(call) {
                call.exchange = exchange;
                call.message = Some(message);
                call.phase = Phase::Running;
            }
            self.resume(call, inner);
            return Ok(());
        }
        if self.is_legacy() {
            return Err(if self.expired.contains(&call) { Refusal::InputExpired } else { Refusal::StateInvalid });
        }
        // A modern server judges its own state, and may well take it twice.
        self.admit(connection, &method)?;
        self.accept(connection, id, method, message, Some(Retried { inner, responses: None }));
        Ok(())
    }

    fn resume(&mut self, id: CallId, inner: Option<String>) {
        self.tell_level();
        if !self.is_legacy() {
            return self.send_again(id, Some(Retried { inner, responses: None }));
        }
        let message = self.calls.get(id).and_then(|call| call.message.clone());
        let params = message.as_ref().and_then(Message::params).and_then(Object::parse).unwrap_or_default();
        let responses = params.object("inputResponses").unwrap_or_default();
        self.take_answers(id, &responses);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.answer.is_some() {
            // Too late for more questions.
            let questions = std::mem::take(&mut call.questions);
            let error = ErrorObject::new(CANCELLED, "the call this was asked for is over");
            for question in questions {
                self.reject(question, &error);
            }
        }
        self.park(id);
    }

    /// Answers the questions of a call that `responses` answers, and keeps the others.
    pub(super) fn take_answers(&mut self, id: CallId, responses: &Object<'_>) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let mut open = Vec::new();
        let mut answered = Vec::new();
        for question in std::mem::take(&mut call.questions) {
            match answer_to(&question, responses) {
                Some(answer) => answered.push((question, answer)),
                None => open.push(question),
            }
        }
        call.questions = open;
        for (question, answer) in answered {
            self.note_round_answer(id, &question, &answer);
            self.resolve(question, &answer);
        }
    }
}

/// What answers a question, JSON text. `None` when it is to be asked again.
fn answer_to(question: &Question, responses: &Object<'_>) -> Option<String> {
    let given = responses.get(&question.key()).filter(|_| question.is_published);
    let fitting = given.filter(|answer| fits(question.need, question.params.as_deref(), answer)).map(str::to_owned);
    fitting.or_else(|| (given.is_none() && question.is_completed).then(|| ACCEPTED.to_owned()))
}
