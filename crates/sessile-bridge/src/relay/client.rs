//! What the client says.

use std::collections::HashSet;

use sessile_protocol::error::CANCELLED;
use sessile_protocol::{Body, ErrorObject, Message, Method, RequestId};

use crate::calls::Call;
use crate::config::Transport;
use crate::event::ConnectionId;
use crate::event_id::StreamId;
use crate::record::{Outcome, Record, Side};
use crate::refusal::Refusal;

use super::Relay;

impl Relay {
    pub(super) fn client_messages(
        &mut self,
        connection: Option<ConnectionId>,
        messages: Vec<Message>,
    ) -> Result<(), Refusal> {
        let requests = self.admit(connection, &messages)?;
        let stream = connection
            .filter(|_| requests > 0 && self.config.transport == Transport::Streamable)
            .map(|connection| self.streams.open_call(connection, requests, messages.len() > 1));
        if let Some(stream) = stream.filter(|_| self.streams.listener().is_none()) {
            self.streams.adopt_requests(stream);
        }
        for message in messages {
            match message.body() {
                Body::Request { id, method } => {
                    let (id, method) = (id.clone(), method.clone());
                    self.client_request(id, method, stream, message);
                }
                Body::Notification { .. } => self.client_notification(message),
                Body::Response { id, is_error } => {
                    let (id, is_error) = (id.clone(), *is_error);
                    self.client_answer(id, is_error, message);
                }
            }
        }
        Ok(())
    }

    /// Checks everything that could refuse a body before any of it takes effect. Gives the number of requests.
    fn admit(&self, connection: Option<ConnectionId>, messages: &[Message]) -> Result<usize, Refusal> {
        if let Some(error) = &self.gone {
            return Err(Refusal::ServerGone(error.clone()));
        }
        let requests: Vec<_> = messages.iter().filter_map(request).collect();
        if messages.len() > 1 {
            if requests.iter().any(|(_, method)| *method == "initialize") {
                return Err(Refusal::InitializeInBatch);
            }
            if !self.handshake.allows_batches() {
                return Err(Refusal::BatchNotAllowed);
            }
        }
        if requests.is_empty() {
            return Ok(0);
        }
        match connection {
            None if self.config.transport == Transport::Streamable => {
                return Err(Refusal::NoConnection);
            }
            Some(connection) if self.streams.is_open(connection) => {
                return Err(Refusal::ConnectionInUse);
            }
            _ => {}
        }
        let limit = self.config.in_flight;
        if self.in_flight() + requests.len() > limit || self.streams.has_too_many_connections(limit) {
            return Err(Refusal::TooManyInFlight { limit });
        }
        let mut seen = HashSet::new();
        for (id, method) in &requests {
            if self.calls.is_taken(id) || (requests.len() > 1 && !seen.insert(*id)) {
                return Err(Refusal::DuplicateId((*id).clone()));
            }
            if *method == "initialize" && self.handshake.is_started() {
                return Err(Refusal::AlreadyInitialized);
            }
        }
        Ok(requests.len())
    }

    fn client_request(&mut self, id: RequestId, method: Method, stream: Option<StreamId>, message: Message) {
        if method == "initialize" {
            self.handshake.start(&message);
        }
        self.calls.open(Call {
            id,
            method,
            subject: message.subject(),
            progress_token: message.progress_token(),
            stream,
            started: self.now,
        });
        self.write(message.into_raw());
    }

    fn client_notification(&mut self, message: Message) {
        let cancelled = message.cancelled_request();
        self.write(message.into_raw());
        if let Some(call) = cancelled.and_then(|id| self.calls.give_up(&id)) {
            let error = ErrorObject::new(CANCELLED, "the client cancelled the request");
            self.fail_call(call, &error, Outcome::Cancelled);
        }
    }

    fn client_answer(&mut self, id: Option<RequestId>, is_error: bool, message: Message) {
        let from = Side::Client;
        let Some(id) = id else {
            return self.record(Record::UnknownAnswer { from, id: None });
        };
        if let Some(request) = self.server_requests.answered(&id) {
            let outcome = if is_error { Outcome::Error } else { Outcome::Ok };
            self.end_server_request(request, outcome);
            self.write(message.into_raw());
        } else if self.server_requests.is_late(&id) {
            self.record(Record::LateAnswer { from, id });
        } else {
            self.record(Record::UnknownAnswer { from, id: Some(id) });
        }
    }
}

fn request(message: &Message) -> Option<(&RequestId, &Method)> {
    match message.body() {
        Body::Request { id, method } => Some((id, method)),
        _ => None,
    }
}
