//! A task's questions, its answer, and its cancellation.

use sessile_protocol::error::{CANCELLED, INTERNAL_ERROR};
use sessile_protocol::{ErrorObject, Message, Method, Object};

use crate::event::TaskState;
use crate::mint::CallId;
use crate::modern::Modern;
use crate::modern::call::{Call, Retried};
use crate::modern::capabilities::Need;
use crate::modern::ending::error_json;
use crate::modern::question::{Origin, Question, input_requests};
use crate::modern::reply::{Reply, needs_url_elicitation};
use crate::record::{Kind, Why};
use crate::refusal::Refusal;

/// How many rounds of questions a modern server may ask about one task.
const MAX_ROUNDS: u32 = 16;

impl Modern {
    /// The client answers questions of a task.
    pub(in crate::modern) fn task_input(&mut self, task: &str, responses: &str) -> Result<(), Refusal> {
        let id = self.known_task(task)?;
        self.take_task_answers(id, &Object::parse(responses).unwrap_or_default());
        Ok(())
    }

    /// The client gives up a task.
    pub(in crate::modern) fn task_cancel(&mut self, task: &str) -> Result<(), Refusal> {
        let id = self.known_task(task)?;
        let error = ErrorObject::new(CANCELLED, "the client cancelled the task");
        self.give_up_at_server(id, &error.message);
        self.reject_all(id, &error);
        self.end_task(id, TaskState::Cancelled);
        Ok(())
    }

    /// The user has done what a URL was for: tasks go on by themselves.
    pub(in crate::modern) fn resume_completed_tasks(&mut self) {
        let is_completed =
            |call: &Call| call.task().is_some() && call.questions.iter().any(|question| question.is_completed);
        if let Some(id) = self.calls.find(is_completed) {
            self.take_task_answers(id, &Object::new());
        }
    }

    /// The server has answered a call that is a task.
    pub(in crate::modern) fn task_answered(&mut self, id: CallId, message: &Message) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        if !self.is_legacy() {
            return self.modern_task_answered(id, message);
        }
        let state = match self.translate(&call.method, message) {
            Reply::Result(result) => TaskState::Completed(result),
            Reply::Error(error) => TaskState::Failed(error),
            Reply::Urls(urls) if call.exchange.capabilities.meet(Need::Url) => {
                self.ask_urls(id, &urls);
                return self.publish_task_questions(id);
            }
            Reply::Urls(_) => TaskState::Failed(error_json(&needs_url_elicitation())),
        };
        self.end_task(id, state);
    }

    /// Tells all questions that are open, or that there are none any more.
    pub(in crate::modern) fn publish_task_questions(&mut self, id: CallId) {
        let until = self.now + self.config.park_timeout;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.questions.iter_mut().for_each(|question| question.is_published = true);
        let requests = (!call.questions.is_empty()).then(|| input_requests(&call.questions));
        let Some(task) = call.task_mut() else {
            return;
        };
        let Some(requests) = requests else {
            return self.continue_task(id);
        };
        task.until.get_or_insert(until);
        if task.message.take().is_some() {
            self.undelivered(Kind::Notification, Some(Method::new("notifications/progress")), Why::Superseded);
        }
        self.change_task(id, TaskState::InputRequired(requests));
    }

    /// Nobody has answered a task's questions in time.
    pub(super) fn expire_task_questions(&mut self, id: CallId) {
        let error = self.input_is_late();
        self.give_up_at_server(id, &error.message);
        self.reject_all(id, &error);
        self.end_task(id, TaskState::Failed(error_json(&error)));
    }

    /// Notes what answers a question of a modern server's round.
    pub(in crate::modern) fn note_round_answer(&mut self, id: CallId, question: &Question, answer: &str) {
        if let Origin::Round(key) = &question.origin
            && let Some(task) = self.calls.get_mut(id).and_then(Call::task_mut)
        {
            task.responses.push((key.clone(), answer.to_owned()));
        }
    }

    fn known_task(&self, task: &str) -> Result<CallId, Refusal> {
        match &self.gone {
            Some(error) => Err(Refusal::ServerGone(error.clone())),
            None => self.task_call(task).ok_or(Refusal::UnknownTask),
        }
    }

    fn take_task_answers(&mut self, id: CallId, responses: &Object<'_>) {
        let open = |modern: &Self| modern.calls.get(id).map_or(0, |call| call.questions.len());
        let before = open(self);
        self.take_answers(id, responses);
        if open(self) != before {
            self.publish_task_questions(id);
        }
    }

    /// All questions of a task are answered.
    fn continue_task(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let is_over = call.upstream.is_none();
        let Some(task) = call.task_mut() else {
            return;
        };
        task.until = None;
        let mut responses = Object::new();
        for (key, answer) in std::mem::take(&mut task.responses) {
            responses.set(key, answer);
        }
        let inner = task.inner.take();
        self.change_task(id, TaskState::Working(None));
        if is_over {
            self.send_again(id, Some(Retried { inner, responses: Some(responses.to_json()) }));
        }
    }

    fn modern_task_answered(&mut self, id: CallId, message: &Message) {
        if let Some(error) = message.error() {
            return self.end_task(id, TaskState::Failed(error.to_owned()));
        }
        let result = message.result().unwrap_or("{}");
        let Some(round) = Object::parse(result).filter(|round| round.get("resultType") == Some(r#""input_required""#))
        else {
            return self.end_task(id, TaskState::Completed(result.to_owned()));
        };
        let now = self.now;
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        for question in questions_of(&round, now) {
            call.ask(question);
        }
        let Some(task) = call.task_mut() else {
            return;
        };
        task.rounds += 1;
        task.inner = round.string("requestState");
        if task.rounds > MAX_ROUNDS {
            let error = ErrorObject::new(INTERNAL_ERROR, format!("server asked for input in over {MAX_ROUNDS} rounds"));
            return self.end_task(id, TaskState::Failed(error_json(&error)));
        }
        self.publish_task_questions(id);
    }

    fn reject_all(&mut self, id: CallId, error: &ErrorObject) {
        let questions = self.calls.get_mut(id).map(|call| std::mem::take(&mut call.questions));
        for question in questions.into_iter().flatten() {
            self.reject(question, error);
        }
    }
}

/// The questions of a round. What is none is left out; the server will miss it.
fn questions_of(round: &Object<'_>, now: crate::time::Time) -> Vec<Question> {
    let requests = round.object("inputRequests").unwrap_or_default();
    let question = |(key, request): (&str, &str)| {
        let request = Object::parse(request)?;
        let method = Method::new(&request.string("method")?);
        let need = Need::of(&method, request.get("params"))?;
        Some(Question::new(Origin::Round(key.to_owned()), method, request.get("params"), need, now))
    };
    requests.iter().filter_map(question).collect()
}
