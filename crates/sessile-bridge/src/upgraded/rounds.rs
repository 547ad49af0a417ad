//! The rounds of a call: what its result asks for is asked of the client, and the answers go into a new request.

use sessile_protocol::error::{INTERNAL_ERROR, raw_error};
use sessile_protocol::{ErrorObject, Message, Object, RequestId};

use super::calls::{Call, Stand};
use super::questions::{Asked, Question, Subject};
use super::translator::{Said, Translator};
use super::wire;

/// How often one request may be answered with a wish for input. A server that wants more goes in circles.
pub(super) const MAX_ROUNDS: u32 = 16;

/// What a server is told when the client answers an elicitation with an error, or never sees it.
const CANCEL: &str = r#"{"action":"cancel"}"#;

impl Translator {
    /// The server answered a call with `resultType: "input_required"`.
    pub(super) fn input_required(&mut self, client: RequestId, mut call: Call, result: &Object<'_>) {
        call.rounds += 1;
        match self.read_round(&call, result) {
            Err(error) => self.fail(&client, &error),
            Ok((questions, state)) if questions.is_empty() => {
                self.next_round(client, call, Asked { state, ..Asked::default() });
            }
            Ok((questions, state)) => {
                let mut asked = Asked { state, ..Asked::default() };
                for question in questions {
                    let id = self.mint_question();
                    let request = wire::request(&id, &question.method, &question.params_for(&id));
                    let Ok(message) = Message::parse(request) else {
                        continue;
                    };
                    asked.open.insert(id.clone(), (question.key, question.subject));
                    self.questions.insert(id, client.clone());
                    self.said.push_back(Said::Ask { call: client.clone(), question: message });
                }
                call.stand = Stand::AtClient(asked);
                self.calls.insert(client, call);
            }
        }
    }

    /// The questions and the request state, if the client can be asked all of it.
    fn read_round(&self, call: &Call, result: &Object<'_>) -> Result<(Vec<Question>, Option<String>), ErrorObject> {
        let refuse = |text: String| Err(ErrorObject::new(INTERNAL_ERROR, text));
        if call.params.is_none() {
            return refuse(format!("server asked for input in answer to {}, which has none", call.method));
        }
        if call.rounds > MAX_ROUNDS {
            return refuse(format!("server asked for input more than {MAX_ROUNDS} times for one request"));
        }
        let state = result.get("requestState").filter(|state| *state != "null").map(str::to_owned);
        let requests = match result.get("inputRequests").filter(|requests| *requests != "null") {
            None => Object::new(),
            Some(requests) => match Object::parse(requests) {
                Some(requests) => requests,
                None => return refuse("server asked for input with inputRequests that are not an object".to_owned()),
            },
        };
        let limit = self.max_questions;
        if requests.iter().nth(limit).is_some() {
            return refuse(format!("server asked for input with more than {limit} questions at once"));
        }
        if requests.is_empty() && state.is_none() {
            return refuse("server asked for input, but for none in particular".to_owned());
        }
        let questions = requests.iter().map(|(key, json)| Question::read(key, json, &self.introduction));
        Ok((questions.collect::<Result<_, _>>()?, state))
    }

    /// The client, or the relay in its place, has answered a question.
    pub(super) fn question_answered(&mut self, id: &RequestId, message: &Message) {
        // The relay passes on no answer but the first to a question that is open; others it has recorded.
        let Some(client) = self.questions.remove(id) else {
            return;
        };
        let Some(mut call) = self.calls.remove(&client) else {
            return;
        };
        let Stand::AtClient(asked) = &mut call.stand else {
            self.calls.insert(client, call);
            return;
        };
        let Some((key, subject)) = asked.open.remove(id) else {
            self.calls.insert(client, call);
            return;
        };
        match (message.result(), subject) {
            (Some(result), _) => asked.answers.push((key, result.to_owned())),
            (None, Subject::Elicitation) => asked.answers.push((key, CANCEL.to_owned())),
            (None, Subject::Other) => {
                self.forget_questions(&call);
                let error = message.error().unwrap_or("{}");
                return self.answer(&client, raw_error(client.as_json(), error));
            }
        }
        if !asked.open.is_empty() {
            self.calls.insert(client, call);
            return;
        }
        let asked = std::mem::take(asked);
        self.next_round(client, call, asked);
    }

    /// Asks the server again, with what it wanted.
    fn next_round(&mut self, client: RequestId, mut call: Call, asked: Asked) {
        let params = call.params.take().unwrap_or_default();
        let mut round = Object::parse(&params).unwrap_or_default();
        if !asked.answers.is_empty() {
            let mut responses = Object::new();
            for (key, answer) in asked.answers {
                responses.set(key, answer);
            }
            round.set("inputResponses", responses.to_json());
        }
        if let Some(state) = asked.state {
            round.set("requestState", state);
        }
        let upstream = self.send(&call.method, round);
        call.params = Some(params);
        self.at_server(client, call, upstream);
    }

    /// A call ends while its client is asked. The relay, which ends it too, tells the client.
    pub(super) fn forget_questions(&mut self, call: &Call) {
        if let Stand::AtClient(asked) = &call.stand {
            for id in asked.open.keys() {
                self.questions.remove(id);
            }
        }
    }
}
