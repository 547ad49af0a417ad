//! Parking: a call's questions go to its client, and the call waits (2026-07-28, basic/patterns/mrtr).

use sessile_protocol::error::{BUSY, INTERNAL_ERROR, raw_result};
use sessile_protocol::{ErrorObject, Object};

use crate::mint::{CallId, StateOf};
use crate::record::Outcome;
use crate::salient::salient;

use super::Modern;
use super::call::Phase;
use super::question::{Origin, input_requests};
use super::questions::lacks;

impl Modern {
    /// Ends the exchange of a call with its open questions, or lets it go on if none can be asked.
    pub(super) fn park(&mut self, id: CallId) {
        if let Err(error) = self.drop_unanswerable(id) {
            return self.fail_call(id, &error, Outcome::Error);
        }
        if self.calls.get(id).is_some_and(|call| call.questions.is_empty()) {
            return self.go_on(id);
        }
        let limit = self.config.parked;
        if self.calls.parked() >= limit {
            let error = ErrorObject::new(BUSY, format!("{limit} calls wait for their client's input already"));
            return self.do_without(id, &error);
        }
        let Some(state) = self.seal(id, None) else {
            return self.do_without(id, &ErrorObject::new(INTERNAL_ERROR, "the question cannot be asked"));
        };
        let (since, until) = (self.now, self.now + self.config.park_timeout);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.questions.iter_mut().for_each(|question| question.is_published = true);
        let mut result = Object::new();
        result.set("resultType", r#""input_required""#);
        result.set("inputRequests", input_requests(&call.questions));
        result.set_string("requestState", &state);
        call.phase = Phase::Parked { since, until };
        // The retry brings it again.
        call.message = None;
        let id_text = call.exchange.id_text.clone();
        self.add_server_info(&mut result);
        let body = raw_result(&id_text, &result.to_json());
        self.end_exchange(id, body, Outcome::InputRequired);
    }

    /// Seals what leads back to the next generation of a call.
    pub(super) fn seal(&mut self, id: CallId, inner: Option<&str>) -> Option<String> {
        let valid_for = self.config.park_timeout;
        let call = self.calls.get_mut(id)?;
        let digest = match call.digest {
            Some(digest) => digest,
            None => self.mint.digest(&salient(call.message.as_ref()?)),
        };
        call.digest = Some(digest);
        call.generation = call.generation.saturating_add(1);
        let (method, generation) = (&*call.method, call.generation);
        self.mint.request_state(&StateOf { call: id, generation, method, digest, valid_for, inner })
    }

    /// All questions of a call are answered, and its client is there again.
    pub(super) fn go_on(&mut self, id: CallId) {
        self.catch_up(id);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.phase = Phase::Running;
        if let Some(answer) = call.answer.take() {
            self.deliver(id, &answer);
        } else if call.upstream.is_none() {
            self.send_again(id, None);
        }
    }

    /// A call's open questions cannot be asked.
    fn do_without(&mut self, id: CallId, error: &ErrorObject) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let questions = std::mem::take(&mut call.questions);
        let is_over = call.upstream.is_none() && call.answer.is_none();
        for question in questions {
            self.reject(question, error);
        }
        if is_over {
            self.fail_call(id, error, Outcome::Error);
        } else {
            self.go_on(id);
        }
    }

    /// Rejects the questions that the newest request has not declared the capability for.
    fn drop_unanswerable(&mut self, id: CallId) -> Result<(), ErrorObject> {
        let Some(call) = self.calls.get_mut(id) else {
            return Ok(());
        };
        let capabilities = call.exchange.capabilities;
        let questions = std::mem::take(&mut call.questions);
        let (open, lacking) = questions.into_iter().partition(|question| capabilities.meet(question.need));
        call.questions = open;
        let mut outcome = Ok(());
        for question in lacking {
            let error = lacks(question.need);
            if question.origin == Origin::Error {
                outcome = Err(super::reply::needs_url_elicitation());
            }
            self.reject(question, &error);
        }
        outcome
    }
}
