//! `subscriptions/listen` (2026-07-28, basic/patterns/subscriptions).

mod legacy;
mod modern;

use bytes::Bytes;
use sessile_protocol::error::{BUSY, INVALID_PARAMS, MISSING_CLIENT_CAPABILITY, raw_result};
use sessile_protocol::{ErrorObject, Message, Method, Object, RequestId};

use crate::event::ConnectionId;
use crate::mint::CallId;
use crate::record::{Kind, Outcome, Record, Why};

use super::Modern;
use super::asked::id_of;
use super::rewrite;
use super::subscriptions::{Held, Listener, strings};

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

impl Modern {
    /// A call turns out to be one that listens.
    pub(super) fn start_listening(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let params = call.message.as_ref().and_then(Message::params).and_then(Object::parse).unwrap_or_default();
        let refusal = match params.object("notifications") {
            None => Some(ErrorObject::new(INVALID_PARAMS, "params.notifications is not an object")),
            Some(filter) if !strings(&filter, "taskIds").is_empty() && !call.exchange.capabilities.tasks => {
                Some(needs_tasks())
            }
            Some(_) if self.subscriptions.len() >= self.config.connections => {
                let limit = self.config.connections;
                Some(ErrorObject::new(BUSY, format!("session has {limit} subscriptions open, close one first")))
            }
            Some(_) => None,
        };
        if let Some(error) = refusal {
            return self.fail_call(id, &error, Outcome::Error);
        }
        let Some(mut call) = self.calls.remove(id) else {
            return;
        };
        let Some(message) = call.message.take() else {
            return;
        };
        self.streams.demand_sse(call.exchange.connection);
        let params = message.params().and_then(Object::parse).unwrap_or_default();
        let filter = params.object("notifications").unwrap_or_default();
        let mut listener = Listener::new(call.exchange);
        listener.tasks = strings(&filter, "taskIds").into_iter().filter(|task| self.has_task(task)).collect();
        if self.is_legacy() {
            self.listen_at_legacy(id, listener, &filter);
        } else {
            self.listen_at_modern(id, listener, &message);
        }
    }

    /// The client has left an exchange; if it listened on it, that is over.
    pub(super) fn listener_left(&mut self, connection: ConnectionId) {
        if let Some(listener) = self.subscriptions.on(connection).and_then(|id| self.take_listener(id)) {
            self.streams.abandon(listener.exchange.stream);
            self.end_listener(listener, Outcome::Cancelled);
        }
    }

    /// The client gives up listening with a message. Tells whether there was one such listener.
    pub(super) fn stop_listening(&mut self, request: &RequestId) -> bool {
        let those = self.subscriptions.those(|listener| listener.exchange.id == *request);
        let [id] = those[..] else {
            return false;
        };
        self.end_gracefully(id);
        true
    }

    /// Ends every subscription.
    pub(super) fn end_subscriptions(&mut self) {
        for id in self.subscriptions.those(|_| true) {
            self.end_gracefully(id);
        }
    }

    /// Ends a subscription with a result, so that its client knows that it ended.
    pub(super) fn end_gracefully(&mut self, id: CallId) {
        let Some(listener) = self.take_listener(id) else {
            return;
        };
        let mut result = Object::new();
        result.set("resultType", r#""complete""#);
        self.add_server_info(&mut result);
        let text = &listener.exchange.id_text;
        let body = raw_result(text, &rewrite::with_subscription(result, text));
        self.streams.answer(listener.exchange.stream, listener.exchange.id.clone(), body);
        self.end_listener(listener, Outcome::Ok);
    }

    /// Takes a listener out, with what was asked of the server for it.
    fn take_listener(&mut self, id: CallId) -> Option<Listener> {
        let listener = self.subscriptions.listeners.remove(&id)?;
        for uri in &listener.uris {
            self.unwatch(uri);
        }
        if let Some(number) = listener.upstream.filter(|number| self.asked.give_up(*number)) {
            self.write(sessile_protocol::error::cancelled(&id_of(number), "the client listens no longer"));
        }
        Some(listener)
    }

    /// Records the end of a listener.
    fn end_listener(&mut self, listener: Listener, outcome: Outcome) {
        for Held { method, .. } in listener.held {
            self.undelivered(Kind::Notification, Some(method), Why::ClientLeft);
        }
        let took = self.now.since(listener.exchange.since);
        let method = Method::new("subscriptions/listen");
        self.record(Record::CallEnded { id: listener.exchange.id, method, subject: None, outcome, took });
    }

    /// Tells a listener what it was promised, and then what came meanwhile.
    fn acknowledge(&mut self, id: CallId) {
        let Some(listener) = self.subscriptions.listeners.get_mut(&id) else {
            return;
        };
        listener.is_acknowledged = true;
        let (text, stream) = (&listener.exchange.id_text, listener.exchange.stream);
        let mut params = Object::new();
        params.set("notifications", listener.agreed());
        let params = rewrite::with_subscription(params, text);
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{ACKNOWLEDGED}","params":{params}}}"#);
        self.tell(stream, Method::new(ACKNOWLEDGED), Bytes::from(body));
        self.release_held(id);
    }

    fn release_held(&mut self, id: CallId) {
        let Some(listener) = self.subscriptions.listeners.get_mut(&id) else {
            return;
        };
        let stream = listener.exchange.stream;
        for Held { method, data, .. } in std::mem::take(&mut listener.held) {
            self.tell(stream, method, data);
        }
    }

    /// Sends a notification to a listener, or keeps it until that was acknowledged. Of those with the same `key` only
    /// the newest is kept.
    pub(super) fn notify(&mut self, id: CallId, key: &str, method: &Method, data: Bytes) {
        let Some(listener) = self.subscriptions.listeners.get_mut(&id) else {
            return;
        };
        if listener.is_acknowledged {
            let stream = listener.exchange.stream;
            return self.tell(stream, method.clone(), data);
        }
        if let Some(held) = listener.held.iter_mut().find(|held| held.key == key) {
            held.data = data;
            return self.undelivered(Kind::Notification, Some(method.clone()), Why::Superseded);
        }
        listener.held.push(Held { key: key.to_owned(), method: method.clone(), data });
    }
}

fn needs_tasks() -> ErrorObject {
    let extension = serde_json::json!({ sessile_protocol::meta::TASKS: {} });
    let required = serde_json::json!({"requiredCapabilities": {"extensions": extension}});
    ErrorObject::new(MISSING_CLIENT_CAPABILITY, "taskIds need a client that knows tasks").with_data(required)
}
