//! What the server says.

use sessile_protocol::error::{INTERNAL_ERROR, INVALID_REQUEST, error_response, raw_error};
use sessile_protocol::meta::{SUBSCRIPTION_ID, of_params};
use sessile_protocol::{Body, ErrorObject, Message, Method, Object, RequestId};

use crate::record::{Kind, Record, Side, Why};

use super::structured::narrow;
use super::translator::{Purpose, Said, Translator};
use super::wire;

impl Translator {
    pub(super) fn hear_server(&mut self, message: &Message) {
        match message.body() {
            Body::Response { id, .. } => self.server_answer(id.as_ref(), message),
            Body::Request { id, method } => self.server_request(id, method),
            Body::Notification { method } => self.server_notification(method, message),
        }
    }

    fn server_answer(&mut self, id: Option<&RequestId>, message: &Message) {
        let from = Side::Server;
        let Some(id) = id else {
            return self.record(Record::UnknownAnswer { from, id: None });
        };
        match self.answered(id) {
            Some(Purpose::Opening { client, wanted }) => self.opened(&client, wanted.as_deref(), message),
            Some(Purpose::Call(client)) => self.call_answered(client, message),
            Some(Purpose::Listen) => self.listen_ended(id, message.error()),
            None if self.is_late(id) => self.record(Record::LateAnswer { from, id: id.clone() }),
            None => self.record(Record::UnknownAnswer { from, id: Some(id.clone()) }),
        }
    }

    fn call_answered(&mut self, client: RequestId, message: &Message) {
        let Some(call) = self.calls.remove(&client) else {
            return;
        };
        if let Some(error) = message.error() {
            return self.answer(&client, raw_error(client.as_json(), error));
        }
        let Some(mut result) = message.result().and_then(Object::parse) else {
            let error = ErrorObject::new(INTERNAL_ERROR, "server answered with a result that is not an object");
            return self.fail(&client, &error);
        };
        // What has no type is complete (2026-07-28, basic, "Responses").
        let kind = result.get("resultType").unwrap_or(r#""complete""#);
        match kind {
            r#""complete""# => {
                narrow(&call.method, &mut result);
                self.succeed(&client, &wire::legacy_result(result));
            }
            r#""input_required""# => self.input_required(client, call, &result),
            other => {
                let kind = wire::excerpt(other);
                let text = format!("server answered with a result of type {kind}, which the client cannot know");
                self.fail(&client, &ErrorObject::new(INTERNAL_ERROR, text));
            }
        }
    }

    /// The modern era has none. An answer that says so is the kindest way to let the server go on.
    fn server_request(&mut self, id: &RequestId, method: &Method) {
        let why = if self.is_gone() { Why::ServerGone } else { Why::OutOfPlace };
        let text = "servers of 2026-07-28 ask nothing, answer with resultType \"input_required\" instead";
        self.write(error_response(Some(id), &ErrorObject::new(INVALID_REQUEST, text)));
        let (id, method) = (Some(id.clone()), Some(method.clone()));
        self.record(Record::Undeliverable { kind: Kind::Request, id, method, why });
    }

    fn server_notification(&mut self, method: &Method, message: &Message) {
        let params = message.params().and_then(Object::parse).unwrap_or_default();
        let subscription = of_params(&params).get(SUBSCRIPTION_ID).map(RequestId::from_json);
        match (method.as_str(), subscription) {
            ("notifications/subscriptions/acknowledged", subscription) => {
                if !self.acknowledged(subscription.flatten().as_ref(), &params) {
                    self.drop_notification(method);
                }
            }
            // The only request that a server may give up is the client's for its notifications.
            ("notifications/cancelled", _) => match message.cancelled_request() {
                Some(id) if self.listens.has(&id) => {
                    self.forget(&id);
                    self.listen_ended(&id, None);
                }
                _ => self.drop_notification(method),
            },
            (_, None) => self.said.push_back(Said::ToClient(message.clone())),
            (_, Some(subscription)) => {
                let uri = params.string("uri");
                let is_wanted = subscription.is_some_and(|id| self.listens.is_wanted(&id, uri.as_deref()));
                let passed = Message::parse(wire::notification(method, &wire::legacy_notification(params)));
                match passed {
                    Ok(passed) if is_wanted => self.said.push_back(Said::ToClient(passed)),
                    _ => self.drop_notification(method),
                }
            }
        }
    }

    fn drop_notification(&mut self, method: &Method) {
        let (kind, method, why) = (Kind::Notification, Some(method.clone()), Why::OutOfPlace);
        self.record(Record::Undeliverable { kind, id: None, method, why });
    }
}
