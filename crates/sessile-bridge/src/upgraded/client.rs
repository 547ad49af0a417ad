//! What the client says, as the relay passes it on.

use sessile_protocol::error::{INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND};
use sessile_protocol::{Body, ErrorObject, LogLevel, Message, Method, Object, RequestId};

use crate::record::Record;

use super::calls::{Call, Stand, may_ask};
use super::translator::{Purpose, Translator};

impl Translator {
    pub(super) fn hear_client(&mut self, message: &Message) {
        match message.body() {
            Body::Request { id, method } => self.client_request(id, method, message),
            Body::Notification { method } => self.client_notification(method, message),
            Body::Response { id: Some(id), .. } => self.question_answered(id, message),
            Body::Response { id: None, .. } => {}
        }
    }

    fn client_request(&mut self, id: &RequestId, method: &Method, message: &Message) {
        let params = match message.params() {
            None | Some("null") => Some(Object::new()),
            Some(params) => Object::parse(params),
        };
        let Some(params) = params else {
            return self.fail(id, &ErrorObject::new(INVALID_PARAMS, "params is not an object"));
        };
        match method.as_str() {
            "initialize" => self.open(id, &params),
            "ping" => self.succeed(id, "{}"),
            _ if self.profile.is_none() => {
                let text = "session is not initialized, wait for the answer to initialize";
                self.fail(id, &ErrorObject::new(INVALID_REQUEST, text));
            }
            "logging/setLevel" => self.set_level(id, &params),
            "resources/subscribe" => self.subscribe(id, &params),
            "resources/unsubscribe" => self.unsubscribe(id, &params),
            // Of the other era, where `tasks/get` means something else; a legacy server would not know them.
            "server/discover"
            | "subscriptions/listen"
            | "tasks/cancel"
            | "tasks/get"
            | "tasks/list"
            | "tasks/result"
            | "tasks/update" => {
                self.fail(id, &ErrorObject::new(METHOD_NOT_FOUND, format!("server has no method {method}")));
            }
            _ => self.pass_on(id, method, params),
        }
    }

    fn pass_on(&mut self, id: &RequestId, method: &Method, mut params: Object<'_>) {
        if method == "tools/call" {
            // Tasks of 2025-11-25: the server was not shown as one that has them.
            params.remove("task");
        }
        let mut kept = None;
        if may_ask(method) {
            // Of the modern era: for the bridge alone to say.
            params.retain(|name| !matches!(name, "inputResponses" | "requestState"));
            kept = Some(params.to_json());
        }
        let upstream = self.send(method, params);
        let stand = Stand::AtServer(upstream.clone());
        self.at_server(id.clone(), Call { method: method.clone(), params: kept, rounds: 0, stand }, upstream);
    }

    fn set_level(&mut self, id: &RequestId, params: &Object<'_>) {
        match params.string("level").as_deref().and_then(LogLevel::parse) {
            Some(level) => {
                self.introduction.set_level(level);
                self.succeed(id, "{}");
            }
            None => {
                let levels = LogLevel::ALL.map(LogLevel::as_str).join(", ");
                self.fail(id, &ErrorObject::new(INVALID_PARAMS, format!("level is not one of {levels}")));
            }
        }
    }

    fn client_notification(&mut self, method: &Method, message: &Message) {
        match method.as_str() {
            "notifications/cancelled" => {
                if let Some(id) = message.cancelled_request() {
                    let params = message.params().and_then(Object::parse).unwrap_or_default();
                    let reason = params.string("reason");
                    self.cancel(&id, reason.as_deref().unwrap_or("the client gave the request up"));
                }
            }
            "notifications/initialized" => self.start_listening(),
            // Their meaning is in each request, or in no request at all, of the modern era.
            "notifications/progress" | "notifications/roots/list_changed" | "notifications/tasks/status" => {
                self.record(Record::NotPassedOn { method: method.clone() });
            }
            _ => self.write(message.raw().clone()),
        }
    }

    /// The client, or the clock, has given a client request up; the relay has answered it.
    fn cancel(&mut self, client: &RequestId, reason: &str) {
        if let Some(call) = self.calls.remove(client) {
            self.forget_questions(&call);
            if let Stand::AtServer(upstream) = call.stand {
                self.give_up(&upstream, reason);
            }
            return;
        }
        let is_opening = |purpose: &Purpose| matches!(purpose, Purpose::Opening { client: id, .. } if id == client);
        match self.find(is_opening) {
            Some(upstream) => self.give_up(&upstream, reason),
            None => self.cancel_subscribe(client),
        }
    }
}
