//! Listening at a modern server: its own subscriptions, under the bridge's numbers.

use sessile_protocol::error::raw_result;
use sessile_protocol::meta::SUBSCRIPTION_ID;
use sessile_protocol::{Message, Method, Object, RequestId};

use crate::mint::CallId;
use crate::modern::Modern;
use crate::modern::asked::Purpose;
use crate::modern::rewrite;
use crate::modern::subscriptions::{Listener, strings};
use crate::record::Outcome;

use super::ACKNOWLEDGED;

impl Modern {
    pub(super) fn listen_at_modern(&mut self, id: CallId, mut listener: Listener, message: &Message) {
        let number = self.asked.number();
        let line = rewrite::modern_request(message, number, |params| without_tasks(params, &listener.tasks));
        listener.upstream = Some(number);
        self.asked.open(number, Purpose::Listen(id));
        self.subscriptions.listeners.insert(id, listener);
        self.write(line);
    }

    /// The server has ended a subscription with its answer.
    pub(in crate::modern) fn listen_answered(&mut self, id: CallId, message: &Message) {
        let Some(listener) = self.subscriptions.listeners.remove(&id) else {
            return;
        };
        let exchange = &listener.exchange;
        let result = message.result().and_then(Object::parse);
        let outcome = if message.error().is_some() { Outcome::Error } else { Outcome::Ok };
        let body = match result {
            Some(result) => raw_result(&exchange.id_text, &rewrite::with_subscription(result, &exchange.id_text)),
            None => rewrite::response(message, &exchange.id_text),
        };
        self.streams.answer(exchange.stream, exchange.id.clone(), body);
        self.end_listener(listener, outcome);
    }

    /// The server ends a subscription with a notification. Tells whether there was one.
    pub(in crate::modern) fn listen_cancelled(&mut self, request: &RequestId) -> bool {
        let Some(&Purpose::Listen(id)) = self.asked.get(request.as_json()) else {
            return false;
        };
        let number = self.subscriptions.listeners.get_mut(&id).and_then(|listener| listener.upstream.take());
        if let Some(number) = number {
            // It needs no word that the client listens no longer.
            self.asked.give_up(number);
        }
        self.end_gracefully(id);
        true
    }

    /// Brings a notification to the subscription it names.
    pub(in crate::modern) fn relay_subscribed(&mut self, message: &Message) {
        let subscription = rewrite::with_meta(message, |meta| meta.get(SUBSCRIPTION_ID).map(str::to_owned));
        let purpose = subscription.and_then(|id| self.asked.get(&id).cloned());
        let (Some(Purpose::Listen(id)), Some(method)) = (purpose, message.method()) else {
            return self.unwanted(message);
        };
        let Some(listener) = self.subscriptions.listeners.get_mut(&id) else {
            return self.unwanted(message);
        };
        let (text, stream) = (&listener.exchange.id_text, listener.exchange.stream);
        let is_acknowledgement = *method == ACKNOWLEDGED;
        let data = match is_acknowledgement {
            true => acknowledgement(message, text, &listener.tasks),
            false => rewrite::subscribed(message, text),
        };
        listener.is_acknowledged |= is_acknowledgement;
        self.tell(stream, Method::clone(method), data);
        if is_acknowledgement {
            self.release_held(id);
        }
    }
}

/// The server's acknowledgement, with the tasks that it knows nothing of.
fn acknowledgement(message: &Message, subscription: &str, tasks: &[String]) -> bytes::Bytes {
    let mut notification = rewrite::members(message);
    let mut params = notification.object("params").unwrap_or_default();
    if !tasks.is_empty() {
        let mut agreed = params.object("notifications").unwrap_or_default();
        let theirs = strings(&agreed, "taskIds");
        let all = tasks.iter().chain(&theirs).map(String::as_str);
        agreed.set("taskIds", serde_json::Value::from_iter(all).to_string());
        let agreed = agreed.to_json();
        params.set("notifications", agreed);
    }
    let params = rewrite::with_subscription(params, subscription);
    notification.set("params", params);
    bytes::Bytes::from(notification.to_json())
}

/// Takes the bridge's own tasks out of a filter.
fn without_tasks(params: &mut Object<'_>, tasks: &[String]) {
    if tasks.is_empty() {
        return;
    }
    let Some(filter) = params.object("notifications").map(|mut filter| {
        let mut theirs = strings(&filter, "taskIds");
        theirs.retain(|task| !tasks.contains(task));
        match theirs.is_empty() {
            true => drop(filter.remove("taskIds")),
            false => filter.set("taskIds", serde_json::Value::from_iter(theirs).to_string()),
        }
        filter.to_json()
    }) else {
        return;
    };
    params.set("notifications", filter);
}
