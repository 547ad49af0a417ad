//! Plays a legacy server on top of a modern one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sessile_protocol::error::{INTERNAL_ERROR, cancelled, error_response, raw_result};
use sessile_protocol::{ErrorObject, Message, Method, Object, RequestId, to_line};

use crate::config::Config;
use crate::event::Action;
use crate::forgotten::Forgotten;
use crate::profile::ServerProfile;
use crate::record::Record;
use crate::time::Time;

use super::calls::{Call, Calls, Stand};
use super::introduction::Introduction;
use super::listens::Listens;
use super::wire;

/// What the translator says.
#[derive(Debug)]
pub(super) enum Said {
    /// To the world.
    Do(Action),
    /// To the relay, as its server.
    ToClient(Message),
    /// To the relay, as its server, on behalf of a client request.
    Ask { call: RequestId, question: Message },
}

/// Whom a request to the server is for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// To answer the client's `initialize`, of this id and for this version.
    Opening { client: RequestId, wanted: Option<String> },
    /// The client's request of this id.
    Call(RequestId),
    /// The notifications of the session.
    Listen,
}

/// A legacy server for the relay, a modern client for the server.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Translator {
    pub(super) now: Time,
    #[serde(skip)]
    pub(super) request_timeout: Duration,
    #[serde(skip)]
    pub(super) max_questions: usize,
    pub(super) profile: Option<Arc<ServerProfile>>,
    pub(super) introduction: Introduction,
    /// Requests that the server has not answered, by the ids that it knows.
    upstream: HashMap<RequestId, Purpose>,
    /// Requests to the server that were given up.
    forgotten: Forgotten,
    pub(super) calls: Calls,
    /// The calls of the questions that the client has not answered.
    pub(super) questions: HashMap<RequestId, RequestId>,
    pub(super) listens: Listens,
    #[serde(skip)]
    pub(super) said: VecDeque<Said>,
    next_request: i64,
    next_question: u64,
    is_gone: bool,
}

impl Translator {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            now: Time::default(),
            request_timeout: config.request_timeout,
            max_questions: config.server_requests,
            profile: None,
            introduction: Introduction::default(),
            upstream: HashMap::new(),
            forgotten: Forgotten::default(),
            calls: Calls::new(),
            questions: HashMap::new(),
            listens: Listens::default(),
            said: VecDeque::new(),
            next_request: 1,
            next_question: 1,
            is_gone: false,
        }
    }

    /// Takes the bounds of the one who goes on with a translator from a record.
    pub(super) fn refit(&mut self, config: &Config) {
        self.request_timeout = config.request_timeout;
        self.max_questions = config.server_requests;
    }

    /// The next thing said.
    pub(super) fn next(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    pub(super) fn profile(&self) -> Option<&Arc<ServerProfile>> {
        self.profile.as_ref()
    }

    /// Time has passed. It is never set back.
    pub(super) fn advance(&mut self, now: Time) {
        self.now = now;
    }

    /// Nothing more is written after this, and nothing is waited for.
    pub(super) fn server_gone(&mut self) {
        // The server may wait for those who listen, and for what it still works on, before it ends.
        let open: Vec<_> = self.upstream.drain().map(|(id, _)| id).collect();
        for id in open {
            self.write(cancelled(&id, "the session ends"));
        }
        self.is_gone = true;
        self.calls.clear();
        self.questions.clear();
        self.listens = Listens::default();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Asks the server. Gives the id that it knows the request by, for [`expect`](Self::expect).
    pub(super) fn send(&mut self, method: &Method, mut params: Object<'_>) -> RequestId {
        let id = RequestId::from(self.next_request);
        self.next_request += 1;
        self.introduction.sign(&mut params);
        self.write(wire::request(&id, method, &params.to_json()));
        id
    }

    /// An answer to `upstream` is for this.
    pub(super) fn expect(&mut self, upstream: RequestId, purpose: Purpose) {
        if !self.is_gone {
            self.upstream.insert(upstream, purpose);
        }
    }

    /// A call of the client has been sent to the server.
    pub(super) fn at_server(&mut self, client: RequestId, mut call: Call, upstream: RequestId) {
        self.expect(upstream.clone(), Purpose::Call(client.clone()));
        call.stand = Stand::AtServer(upstream);
        self.calls.insert(client, call);
    }

    /// The server has answered. Gives what the request was for.
    pub(super) fn answered(&mut self, upstream: &RequestId) -> Option<Purpose> {
        self.upstream.remove(upstream)
    }

    /// Whether this is the first answer to a request that was given up.
    pub(super) fn is_late(&mut self, upstream: &RequestId) -> bool {
        self.forgotten.take(upstream)
    }

    /// The request for which `is_it` holds.
    pub(super) fn find(&self, is_it: impl Fn(&Purpose) -> bool) -> Option<RequestId> {
        self.upstream.iter().find(|(_, purpose)| is_it(purpose)).map(|(id, _)| id.clone())
    }

    /// Gives a request to the server up, and tells the server.
    pub(super) fn give_up(&mut self, upstream: &RequestId, reason: &str) {
        if self.forget(upstream) {
            self.write(cancelled(upstream, reason));
        }
    }

    /// Gives a request to the server up that the server has given up itself.
    pub(super) fn forget(&mut self, upstream: &RequestId) -> bool {
        let was_open = self.upstream.remove(upstream).is_some();
        if was_open {
            self.forgotten.note(upstream.clone());
        }
        was_open
    }

    pub(super) fn mint_question(&mut self) -> RequestId {
        let id = RequestId::from(format!("ask-{}", self.next_question).as_str());
        self.next_question += 1;
        id
    }

    /// Answers a client request.
    pub(super) fn answer(&mut self, client: &RequestId, response: Bytes) {
        let message = Message::parse(response).or_else(|_| {
            // Longer or deeper than a message may be.
            let error = ErrorObject::new(INTERNAL_ERROR, "answer of the server cannot be passed on");
            Message::parse(error_response(Some(client), &error))
        });
        self.said.extend(message.ok().map(Said::ToClient));
    }

    /// Answers a client request with JSON text of a result.
    pub(super) fn succeed(&mut self, client: &RequestId, result: &str) {
        self.answer(client, raw_result(client.as_json(), result));
    }

    /// Answers a client request with an error of Sessile's own.
    pub(super) fn fail(&mut self, client: &RequestId, error: &ErrorObject) {
        self.answer(client, error_response(Some(client), error));
    }

    pub(super) fn write(&mut self, line: Bytes) {
        if !self.is_gone {
            self.said.push_back(Said::Do(Action::ToServer(to_line(line))));
        }
    }

    pub(super) fn record(&mut self, record: Record) {
        self.said.push_back(Said::Do(Action::Record(record)));
    }

    #[cfg(test)]
    pub(super) fn upstream(&self) -> impl Iterator<Item = (&RequestId, &Purpose)> {
        self.upstream.iter()
    }
}
