//! Listening at a legacy server: its lists change by themselves, its resources are subscribed to one by one.

use sessile_protocol::error::cancelled;
use sessile_protocol::{Message, Method, Object};

use crate::event::List;
use crate::mint::CallId;
use crate::modern::Modern;
use crate::modern::asked::{Purpose, id_of};
use crate::modern::rewrite;
use crate::modern::subscriptions::{Listener, MAX_URIS, Watched, agreed_lists, strings};

impl Modern {
    pub(super) fn listen_at_legacy(&mut self, id: CallId, mut listener: Listener, filter: &Object<'_>) {
        if let Some(profile) = self.profile() {
            listener.lists = agreed_lists(filter, profile);
            if profile.has(&["resources", "subscribe"]) {
                listener.uris = strings(filter, "resourceSubscriptions");
            }
        }
        // What is too much is left out of the acknowledgement, as if the server could not do it.
        let mut room = MAX_URIS.saturating_sub(self.subscriptions.uris.len());
        listener.uris.retain(|uri| {
            let is_new = !self.subscriptions.uris.contains_key(uri);
            let fits = !is_new || room > 0;
            room = room.saturating_sub(usize::from(is_new));
            fits
        });
        for uri in &listener.uris {
            if !self.watch(uri) {
                listener.pending.insert(uri.clone());
            }
        }
        self.subscriptions.listeners.insert(id, listener);
        self.acknowledge_if_ready(id);
    }

    fn acknowledge_if_ready(&mut self, id: CallId) {
        let is_ready = |listener: &Listener| listener.pending.is_empty() && !listener.is_acknowledged;
        if self.subscriptions.listeners.get(&id).is_some_and(is_ready) {
            self.acknowledge(id);
        }
    }

    /// One more listener watches a resource. Tells whether the server has confirmed that it is watched.
    fn watch(&mut self, uri: &str) -> bool {
        if let Some(watched) = self.subscriptions.uris.get_mut(uri) {
            watched.listeners += 1;
            return watched.is_confirmed;
        }
        let number = self.ask("resources/subscribe", &uri_params(uri), Purpose::Subscribe(uri.to_owned()));
        let watched = Watched { number, asked: self.now, is_confirmed: false, listeners: 1 };
        self.subscriptions.uris.insert(uri.to_owned(), watched);
        false
    }

    /// One listener less watches a resource.
    pub(super) fn unwatch(&mut self, uri: &str) {
        let Some(watched) = self.subscriptions.uris.get_mut(uri) else {
            return;
        };
        watched.listeners = watched.listeners.saturating_sub(1);
        if watched.listeners == 0 {
            let number = watched.number;
            self.subscriptions.uris.remove(uri);
            self.asked.give_up(number);
            if self.gone.is_none() {
                self.ask("resources/unsubscribe", &uri_params(uri), Purpose::Own);
            }
        }
    }

    /// The server has answered `resources/subscribe`.
    pub(in crate::modern) fn subscribe_answered(&mut self, number: u64, uri: &str, message: &Message) {
        if self.subscriptions.uris.get(uri).is_none_or(|watched| watched.number != number) {
            return;
        }
        if message.result().is_none() {
            return self.unsubscribed(uri);
        }
        if let Some(watched) = self.subscriptions.uris.get_mut(uri) {
            watched.is_confirmed = true;
        }
        self.settled(uri);
    }

    /// Gives up the subscriptions that the server has not confirmed in time.
    pub(in crate::modern) fn expire_subscribes(&mut self) {
        let limit = self.config.request_timeout;
        let is_due = |watched: &Watched| !watched.is_confirmed && watched.asked + limit <= self.now;
        let due: Vec<_> = self.subscriptions.uris.iter().filter(|(_, watched)| is_due(watched)).collect();
        let due: Vec<_> = due.into_iter().map(|(uri, watched)| (uri.clone(), watched.number)).collect();
        for (uri, number) in due {
            if self.asked.give_up(number) {
                self.write(cancelled(&id_of(number), "request timed out"));
            }
            self.unsubscribed(&uri);
        }
    }

    /// The server does not let a resource be watched.
    fn unsubscribed(&mut self, uri: &str) {
        self.subscriptions.uris.remove(uri);
        for listener in self.subscriptions.listeners.values_mut() {
            listener.uris.remove(uri);
        }
        self.settled(uri);
    }

    /// It is known whether a resource is watched.
    fn settled(&mut self, uri: &str) {
        let waiting = self.subscriptions.those(|listener| listener.pending.contains(uri));
        for id in waiting {
            if let Some(listener) = self.subscriptions.listeners.get_mut(&id) {
                listener.pending.remove(uri);
            }
            self.acknowledge_if_ready(id);
        }
    }

    pub(in crate::modern) fn list_changed(&mut self, list: List, message: &Message) {
        let Some(method) = message.method() else {
            return;
        };
        for id in self.subscriptions.those(|listener| listener.lists.contains(&list)) {
            self.notify_of(id, method, method, message);
        }
    }

    pub(in crate::modern) fn resource_updated(&mut self, message: &Message) {
        let params = message.params().and_then(Object::parse).unwrap_or_default();
        let (Some(uri), Some(method)) = (params.string("uri"), message.method()) else {
            return self.unwanted(message);
        };
        let listeners = self.subscriptions.those(|listener| listener.watches(&uri).is_some());
        if listeners.is_empty() {
            return self.unwanted(message);
        }
        for id in listeners {
            let watched = self.subscriptions.listeners.get(&id).and_then(|listener| listener.watches(&uri)).cloned();
            self.notify_of(id, &watched.unwrap_or_default(), method, message);
        }
    }

    fn notify_of(&mut self, id: CallId, key: &str, method: &Method, message: &Message) {
        if let Some(listener) = self.subscriptions.listeners.get(&id) {
            let data = rewrite::subscribed(message, &listener.exchange.id_text);
            self.notify(id, key, method, data);
        }
    }
}

fn uri_params(uri: &str) -> String {
    let mut params = Object::new();
    params.set_string("uri", uri);
    params.to_json()
}
