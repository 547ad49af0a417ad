//! What the server says.

use std::sync::Arc;

use sessile_protocol::error::{BUSY, error_response};
use sessile_protocol::{Body, ErrorObject, Message, Method, RequestId};

use crate::event::{Action, List};
use crate::profile::ServerProfile;
use crate::record::{Kind, Outcome, Record, Side, Why};
use crate::ring::Content;
use crate::server_requests::ServerRequest;

use super::Relay;
use super::routing::{Affinity, affinity_of};

impl Relay {
    pub(super) fn server_message(&mut self, message: Message) {
        match message.body() {
            Body::Response { id, is_error } => {
                let (id, is_error) = (id.clone(), *is_error);
                self.server_answer(id, is_error, message);
            }
            Body::Request { id, method } => {
                let (id, method) = (id.clone(), method.clone());
                self.server_request(id, method, None, message);
            }
            Body::Notification { method } => {
                let method = method.clone();
                self.server_notification(method, message);
            }
        }
    }

    /// Ends every open request with `error`; from now on new ones are refused with it.
    pub(super) fn server_gone(&mut self, error: ErrorObject) {
        while let Some(id) = self.calls.oldest().map(|call| call.id.clone()) {
            let Some(call) = self.calls.give_up(&id) else {
                break;
            };
            self.fail_call(call, &error, Outcome::ServerGone);
        }
        while let Some(id) = self.server_requests.oldest().map(|request| request.id.clone()) {
            self.streams.withdraw(&id);
            let Some(request) = self.server_requests.give_up(&id) else {
                break;
            };
            self.end_server_request(request, Outcome::ServerGone);
        }
        self.streams.close_down();
        self.gone.get_or_insert(error);
    }

    fn server_answer(&mut self, id: Option<RequestId>, is_error: bool, message: Message) {
        let from = Side::Server;
        let Some(id) = id else {
            return self.record(Record::UnknownAnswer { from, id: None });
        };
        if let Some(call) = self.calls.answered(&id) {
            if call.method == "initialize" && !is_error {
                self.handshake.succeed(&message);
                self.profile = message.result().and_then(ServerProfile::from_initialize).map(Arc::new);
                self.actions.extend(self.profile.clone().map(Action::Ready));
            }
            let outcome = if is_error { Outcome::Error } else { Outcome::Ok };
            self.end_call(call, message.into_raw(), outcome);
        } else if self.calls.is_late(&id) {
            self.record(Record::LateAnswer { from, id });
        } else {
            self.record(Record::UnknownAnswer { from, id: Some(id) });
        }
    }

    /// Takes a request, one asked for a client request where `call` names it.
    pub(super) fn server_request(&mut self, id: RequestId, method: Method, call: Option<RequestId>, message: Message) {
        let why = if self.gone.is_some() {
            Why::ServerGone
        } else if self.server_requests.contains(&id) {
            // An answer now would be taken for the answer to the first one.
            Why::DuplicateId
        } else if self.server_requests.len() >= self.config.server_requests {
            let limit = self.config.server_requests;
            let error = ErrorObject::new(BUSY, format!("{limit} requests to the client are open already"));
            self.write(error_response(Some(&id), &error));
            Why::TooMany
        } else {
            let stream = call.as_ref().and_then(|call| self.calls.get(call)).and_then(|call| call.stream);
            let affinity = stream.map_or(Affinity::Calls, Affinity::Stream);
            let request = ServerRequest { id: id.clone(), method: method.clone(), call, asked: self.now, stream: None };
            self.server_requests.open(request);
            return self.route(affinity, Content::Request(id, method), message.into_raw());
        };
        self.record(Record::Undeliverable { kind: Kind::Request, id: Some(id), method: Some(method), why });
    }

    fn server_notification(&mut self, method: Method, message: Message) {
        let mut affinity = affinity_of(&method);
        self.actions.extend(List::changed_by(&method).map(Action::ListChanged));
        if let Some(id) = message.cancelled_request()
            && let Some(request) = self.server_requests.give_up(&id)
        {
            affinity = request.stream.map_or(affinity, Affinity::Stream);
            self.end_server_request(request, Outcome::Cancelled);
        } else if let Some(token) = message.progress_token() {
            let call = self.calls.with_token(&token);
            affinity = call.and_then(|call| call.stream).map_or(affinity, Affinity::Stream);
        }
        self.route(affinity, Content::Notification(method), message.into_raw());
    }

    /// Records the end of a server request that was taken out of the table.
    pub(super) fn end_server_request(&mut self, request: ServerRequest, outcome: Outcome) {
        let took = self.now.since(request.asked);
        self.record(Record::ServerRequestEnded { id: request.id, method: request.method, outcome, took });
    }
}
