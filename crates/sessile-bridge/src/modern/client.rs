//! What the client says.

use sessile_protocol::{Body, Message, Method, RequestId};

use crate::event::ConnectionId;
use crate::mint::CallId;
use crate::record::{Record, Side};
use crate::refusal::Refusal;

use super::Modern;
use super::call::{Call, Exchange, Phase, Retried};
use super::rewrite::legacy_notification;

impl Modern {
    pub(super) fn client_messages(
        &mut self,
        connection: Option<ConnectionId>,
        messages: Vec<Message>,
    ) -> Result<(), Refusal> {
        if let Some(error) = &self.gone {
            return Err(Refusal::ServerGone(error.clone()));
        }
        let Ok([message]) = <[Message; 1]>::try_from(messages) else {
            return Err(Refusal::BatchNotAllowed);
        };
        match message.body() {
            Body::Request { id, method } => {
                let connection = connection.ok_or(Refusal::NoConnection)?;
                let (id, method) = (id.clone(), method.clone());
                self.admit(connection, &method)?;
                self.accept(connection, id, method, message, None);
            }
            Body::Notification { method } => {
                let method = method.clone();
                self.client_notification(method, &message);
            }
            Body::Response { id, .. } => {
                let record = Record::UnknownAnswer { from: Side::Client, id: id.clone() };
                self.record(record);
            }
        }
        Ok(())
    }

    /// Whether one more request may come.
    pub(super) fn admit(&self, connection: ConnectionId, method: &Method) -> Result<(), Refusal> {
        self.admit_connection(connection)?;
        if *method == "subscriptions/listen" && self.profile().is_some() {
            let limit = self.config.connections;
            return if self.subscriptions.len() < limit { Ok(()) } else { Err(Refusal::TooManyConnections { limit }) };
        }
        let limit = self.config.in_flight;
        let is_full = self.calls.len() + self.streams.answers() >= limit;
        if is_full { Err(Refusal::TooManyInFlight { limit }) } else { Ok(()) }
    }

    /// Whether one more connection may come.
    pub(super) fn admit_connection(&self, connection: ConnectionId) -> Result<(), Refusal> {
        if self.streams.is_open(connection) {
            return Err(Refusal::ConnectionInUse);
        }
        let limit = self.config.in_flight;
        let is_full = self.streams.has_too_many_connections(limit);
        if is_full { Err(Refusal::TooManyInFlight { limit }) } else { Ok(()) }
    }

    /// Takes a request as a new call.
    pub(super) fn accept(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        method: Method,
        message: Message,
        retried: Option<Retried>,
    ) {
        let exchange = self.open_exchange(connection, id, &message);
        let call = Call::new(message, exchange, Phase::Queued(retried), method);
        let number = CallId(self.asked.number());
        self.calls.insert(number, call);
    }

    pub(super) fn open_exchange(&mut self, connection: ConnectionId, id: RequestId, message: &Message) -> Exchange {
        let stream = self.streams.open_call(connection, 1, false);
        Exchange::new(id, message, connection, stream, self.now)
    }

    fn client_notification(&mut self, method: Method, message: &Message) {
        let is_ours = matches!(
            method.as_str(),
            "notifications/cancelled" | "notifications/initialized" | "notifications/progress"
        );
        if let Some(id) = message.cancelled_request()
            && self.cancelled_by_client(&id)
        {
            return;
        }
        if is_ours || !self.is_legacy() {
            return self.record(Record::NotPassedOn { method });
        }
        self.write(legacy_notification(message));
    }

    /// Clients of one session may use the same ids: a cancellation that could mean two requests means none.
    fn cancelled_by_client(&mut self, id: &RequestId) -> bool {
        let is_it = |call: &Call| call.exchange.id == *id && call.task().is_none();
        let mut calls = self.calls.iter().filter(|(_, call)| is_it(call)).map(|(call, _)| call);
        match (calls.next(), calls.next()) {
            (Some(call), None) => {
                drop(calls);
                self.cancel_call(call);
                true
            }
            (None, _) => {
                drop(calls);
                self.stop_listening(id)
            }
            _ => false,
        }
    }
}
