//! What the server says.

use sessile_protocol::{Body, Message, Method, Object, RequestId};

use crate::event::{Action, List};
use crate::record::{Kind, Record, Side, Why};

use super::Modern;
use super::asked::Purpose;

impl Modern {
    /// Takes what the server says; a request of it is asked for `call`, where that is known.
    pub(super) fn server_message(&mut self, message: Message, call: Option<&RequestId>) {
        if self.gone.is_some() {
            return self.too_late(&message);
        }
        match message.body() {
            Body::Response { id, .. } => {
                let id = id.clone();
                self.server_answer(id, message);
            }
            Body::Request { id, method } => {
                let (id, method) = (id.clone(), method.clone());
                self.server_request(id, method, &message, call);
            }
            Body::Notification { method } => {
                let method = method.clone();
                self.server_notification(&method, message);
            }
        }
    }

    fn server_answer(&mut self, id: Option<RequestId>, message: Message) {
        let from = Side::Server;
        let Some(id) = id else {
            return self.record(Record::UnknownAnswer { from, id: None });
        };
        match self.asked.answered(&id) {
            Some((_, Purpose::Call(call))) => self.call_answered(call, message),
            Some((_, Purpose::Discover)) => self.discovered(&message),
            Some((_, Purpose::Initialize)) => self.initialized(&message),
            Some((_, Purpose::Listen(listener))) => self.listen_answered(listener, &message),
            Some((number, Purpose::Subscribe(uri))) => self.subscribe_answered(number, &uri, &message),
            Some((_, Purpose::Own)) => {}
            None if self.asked.is_late(&id) => self.record(Record::LateAnswer { from, id }),
            None => self.record(Record::UnknownAnswer { from, id: Some(id) }),
        }
    }

    fn server_notification(&mut self, method: &Method, message: Message) {
        self.actions.extend(List::changed_by(method).map(Action::ListChanged));
        match method.as_str() {
            "notifications/cancelled" => self.cancelled_by_server(&message),
            "notifications/message" => self.log_message(message),
            "notifications/progress" => self.progress(message),
            _ if !self.is_legacy() => self.modern_notification(&message),
            "notifications/elicitation/complete" => self.url_completed(&message),
            "notifications/resources/updated" => self.resource_updated(&message),
            _ => match List::changed_by(method) {
                Some(list) => self.list_changed(list, &message),
                None => self.unwanted(&message),
            },
        }
    }

    fn modern_notification(&mut self, message: &Message) {
        if message.method().is_some_and(|method| *method == "notifications/tasks") {
            let params = message.params().and_then(Object::parse).unwrap_or_default();
            self.note_server_task(&params);
        }
        self.relay_subscribed(message);
    }

    /// The server gives up a question, or ends a subscription.
    fn cancelled_by_server(&mut self, message: &Message) {
        let was_known = message.cancelled_request().is_some_and(|id| self.withdraw(&id) || self.listen_cancelled(&id));
        if !was_known {
            self.unwanted(message);
        }
    }

    fn too_late(&mut self, message: &Message) {
        let (kind, id) = match message.body() {
            Body::Response { id, .. } => (Kind::Answer, id.clone()),
            Body::Request { id, .. } => (Kind::Request, Some(id.clone())),
            Body::Notification { .. } => (Kind::Notification, None),
        };
        let method = message.method().cloned();
        self.record(Record::Undeliverable { kind, id, method, why: Why::ServerGone });
    }
}
