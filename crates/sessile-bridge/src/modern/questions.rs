//! What a legacy server wants to know of its client: whom it is for, and what becomes of it.

use sessile_protocol::error::{BUSY, INVALID_REQUEST, METHOD_NOT_FOUND, error_response, result_response};
use sessile_protocol::{ErrorObject, Message, Method, Object, RequestId};

use crate::mint::CallId;
use crate::record::{Kind, Outcome, Record, Why};

use super::Modern;
use super::asked::Purpose;
use super::call::{Call, Phase};
use super::capabilities::Need;
use super::methods::is_parkable;
use super::question::{Origin, Question};

/// How many times the gathering may be prolonged by one more question.
const LONGEST_GATHERING: u32 = 10;

impl Modern {
    pub(super) fn server_request(
        &mut self,
        id: RequestId,
        method: Method,
        message: &Message,
        call: Option<&RequestId>,
    ) {
        if self.profile().is_some() && !self.is_legacy() {
            return self.refuse(id, method, &asks_nothing(), Why::OutOfPlace);
        }
        if method == "ping" {
            return self.write(result_response(&id, &serde_json::json!({})));
        }
        if self.questions.contains(&id) {
            // An answer now would be taken for the answer to the first one.
            let (kind, why) = (Kind::Request, Why::DuplicateId);
            return self.record(Record::Undeliverable { kind, id: Some(id), method: Some(method), why });
        }
        let limit = self.config.server_requests;
        if self.questions.len() >= limit {
            let error = ErrorObject::new(BUSY, format!("{limit} requests to the client are open already"));
            return self.refuse(id, method, &error, Why::TooMany);
        }
        let Some(need) = Need::of(&method, message.params()) else {
            let error = ErrorObject::new(METHOD_NOT_FOUND, format!("client does not serve {method}"));
            return self.refuse(id, method, &error, Why::NotWanted);
        };
        self.questions.insert(id.clone());
        let owner = match call.and_then(|call| self.asked.get(call.as_json())) {
            Some(&Purpose::Call(owner)) => Some(owner),
            _ => None,
        };
        let question = Question::new(Origin::Server(id), method, message.params(), need, self.now);
        self.place(question, owner);
    }

    /// Finds the call that a question belongs to: `owner` where that is known, else the youngest that the server works on, one
    /// whose client is there before one whose client is away. Without any it waits for the next.
    pub(super) fn place(&mut self, question: Question, owner: Option<CallId>) {
        let is_worked_on = |call: &Call| is_parkable(&call.method) && call.upstream.is_some();
        let owner = owner.filter(|owner| self.calls.get(*owner).is_some_and(is_worked_on));
        let youngest = || self.calls.youngest(|call| is_worked_on(call) && !call.is_parked());
        let Some(id) = owner.or_else(youngest).or_else(|| self.calls.youngest(is_worked_on)) else {
            return self.homeless.push_back(question);
        };
        let capabilities = self.calls.get(id).map(|call| call.exchange.capabilities).unwrap_or_default();
        if !capabilities.meet(question.need) {
            let error = lacks(question.need);
            return self.reject(question, &error);
        }
        self.join(id, question);
    }

    /// Makes a question one of this call.
    fn join(&mut self, id: CallId, question: Question) {
        let until = self.now + self.config.gather;
        let longest = self.now + self.config.gather.saturating_mul(LONGEST_GATHERING);
        let Some(call) = self.calls.get_mut(id) else {
            return self.homeless.push_back(question);
        };
        call.ask(question);
        match call.phase {
            Phase::Running => call.phase = Phase::Gathering { until, latest: longest },
            Phase::Gathering { latest, .. } => call.phase = Phase::Gathering { until: until.min(latest), latest },
            Phase::Task(_) => self.publish_task_questions(id),
            // It goes out with the next round.
            Phase::Queued(_) | Phase::Parked { .. } => {}
        }
    }

    /// Gives a call that has just been sent the questions that waited for one.
    pub(super) fn adopt_homeless(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| is_parkable(&call.method)) else {
            return;
        };
        let capabilities = call.exchange.capabilities;
        for question in std::mem::take(&mut self.homeless) {
            if capabilities.meet(question.need) {
                self.join(id, question);
            } else {
                self.homeless.push_back(question);
            }
        }
    }

    /// The server gives up one of its requests. Tells whether it was open.
    pub(super) fn withdraw(&mut self, id: &RequestId) -> bool {
        if !self.questions.contains(id) {
            return false;
        }
        if let Some(place) = self.homeless.iter().position(|question| question.is_from(id)) {
            if let Some(question) = self.homeless.remove(place) {
                self.end_question(question, Outcome::Cancelled);
            }
            return true;
        }
        let owner = self.calls.find(|call| call.questions.iter().any(|question| question.is_from(id)));
        let Some((owner, call)) = owner.and_then(|owner| Some((owner, self.calls.get_mut(owner)?))) else {
            return false;
        };
        let place = call.questions.iter().position(|question| question.is_from(id));
        let question = place.map(|place| call.questions.remove(place));
        let is_task = call.task().is_some();
        if let Some(question) = question {
            self.end_question(question, Outcome::Cancelled);
        }
        if is_task {
            self.publish_task_questions(owner);
        }
        true
    }

    /// The user has done what a URL was for.
    pub(super) fn url_completed(&mut self, message: &Message) {
        let params = message.params().and_then(Object::parse).unwrap_or_default();
        let id = params.get("elicitationId").unwrap_or_default();
        let mut questions = self.calls.values_mut().flat_map(|call| &mut call.questions);
        match questions.find(|question| question.is_elicitation(id)) {
            Some(question) => question.is_completed = true,
            None => {
                drop(questions);
                return self.unwanted(message);
            }
        }
        drop(questions);
        self.resume_completed_tasks();
    }

    /// Answers a server request with an error at once.
    fn refuse(&mut self, id: RequestId, method: Method, error: &ErrorObject, why: Why) {
        self.write(error_response(Some(&id), error));
        self.record(Record::Undeliverable { kind: Kind::Request, id: Some(id), method: Some(method), why });
    }
}

/// What a server is told whose question the client cannot answer.
pub(super) fn lacks(need: Need) -> ErrorObject {
    ErrorObject::new(METHOD_NOT_FOUND, format!("client has not declared {}", need.as_str()))
}

/// What a modern server is told that asks.
pub(super) fn asks_nothing() -> ErrorObject {
    ErrorObject::new(INVALID_REQUEST, "servers of the modern era ask their clients nothing")
}
