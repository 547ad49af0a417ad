//! `resources/subscribe` and lists that change, on top of `subscriptions/listen`.
//!
//! A listen cannot be changed: one for the new set is opened, and when it is acknowledged the old one is cancelled.
//! Nothing is missed in between, and nothing is told twice, as only one of the two is heard at any time.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sessile_protocol::error::{
    BUSY, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, TIMEOUT, error_response, raw_error,
};
use sessile_protocol::{ErrorObject, Method, Object, RequestId};

use crate::time::Time;

use super::listens::{Listen, Waiter};
use super::translator::{Purpose, Translator};
use super::wire;

/// A server that ends a listen sooner than this after it was asked again is not asked once more.
const STABLE: Duration = Duration::from_secs(60);

impl Translator {
    /// The client is ready to hear notifications.
    pub(super) fn start_listening(&mut self) {
        if self.listens.should_start() {
            self.listens.is_stale = true;
            self.refresh_listen();
        }
    }

    pub(super) fn subscribe(&mut self, client: &RequestId, params: &Object<'_>) {
        let Some(uri) = self.read_uri(client, params) else {
            return;
        };
        if self.listens.is_subscribed(&uri) {
            return self.succeed(client, "{}");
        }
        if !self.listens.has_room(&uri) {
            let text = "session is subscribed to as many resources as it may be, unsubscribe from one first";
            return self.fail(client, &ErrorObject::new(BUSY, text));
        }
        self.listens.wanted.insert(uri.clone());
        self.listens.waiting.push(Waiter { client: client.clone(), uri });
        self.listens.is_stale = true;
        self.refresh_listen();
    }

    pub(super) fn unsubscribe(&mut self, client: &RequestId, params: &Object<'_>) {
        let Some(uri) = self.read_uri(client, params) else {
            return;
        };
        self.listens.is_stale |= self.listens.wanted.remove(&uri);
        // Whoever still waits to be subscribed is, and then no more.
        let waiting = std::mem::take(&mut self.listens.waiting);
        let (over, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|waiter| waiter.uri == uri);
        self.listens.waiting = waiting;
        for waiter in over {
            self.succeed(&waiter.client, "{}");
        }
        self.succeed(client, "{}");
        self.refresh_listen();
    }

    /// The client, or the clock, has given a client request up: perhaps a `resources/subscribe`.
    pub(super) fn cancel_subscribe(&mut self, client: &RequestId) {
        if let Some(waiter) = self.listens.take_waiter(client) {
            self.listens.unwant(&waiter.uri);
            self.listens.is_stale = true;
            self.refresh_listen();
        }
    }

    /// `notifications/subscriptions/acknowledged`. Tells whether it was waited for.
    pub(super) fn acknowledged(&mut self, id: Option<&RequestId>, params: &Object<'_>) -> bool {
        let Some(mut listen) = id.and_then(|id| self.listens.take_next(id)) else {
            return false;
        };
        let agreed = params.object("notifications").unwrap_or_default();
        let agreed = agreed.get("resourceSubscriptions").and_then(|uris| serde_json::from_str(uris).ok());
        let agreed: Vec<String> = agreed.unwrap_or_default();
        listen.honoured = agreed.into_iter().filter(|uri| listen.asked.contains(uri)).collect();
        let waiters = std::mem::take(&mut listen.waiters);
        if let Some(old) = self.listens.current.take() {
            self.give_up(&old.id, "another subscription has taken its place");
        }
        for Waiter { client, uri } in waiters {
            if listen.honoured.contains(&uri) {
                self.succeed(&client, "{}");
            } else {
                let text = format!("server does not tell of changes of {}", wire::excerpt(&uri));
                self.fail(&client, &ErrorObject::new(INVALID_PARAMS, text));
                self.listens.unwant(&uri);
            }
        }
        self.listens.current = Some(listen);
        self.refresh_listen();
        true
    }

    /// The server has ended a listen, with an error (JSON text) or without.
    pub(super) fn listen_ended(&mut self, id: &RequestId, error: Option<&str>) {
        if let Some(listen) = self.listens.take_next(id) {
            let text = "server ended the subscription before it acknowledged it";
            let own = || ErrorObject::new(INTERNAL_ERROR, text);
            self.fail_waiters(listen, |client| match error {
                Some(error) => raw_error(client.as_json(), error),
                None => error_response(Some(client), &own()),
            });
        } else if let Some(lost) = self.listens.take_current(id) {
            let is_hopeless = lost.is_again && self.now.since(lost.opened) < STABLE;
            if self.listens.next.is_none() && !is_hopeless {
                self.open_listen(true);
            }
        }
    }

    /// Gives a listen up that the server leaves without an acknowledgement for too long.
    pub(super) fn expire(&mut self) {
        if self.deadline().is_some_and(|deadline| deadline <= self.now)
            && let Some(listen) = self.listens.next.take()
        {
            self.give_up(&listen.id, "subscription timed out");
            let limit = self.request_timeout;
            let error =
                ErrorObject::new(TIMEOUT, format!("server did not acknowledge the subscription within {limit:?}"));
            self.fail_waiters(listen, |client| error_response(Some(client), &error));
        }
    }

    /// When to expire.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.listens.next.as_ref().map(|next| next.opened + self.request_timeout)
    }

    fn fail_waiters(&mut self, listen: Listen, response: impl Fn(&RequestId) -> Bytes) {
        for Waiter { client, uri } in listen.waiters {
            self.answer(&client, response(&client));
            self.listens.unwant(&uri);
        }
        self.refresh_listen();
    }

    /// Opens a listen if the client wants another one, and none is on its way.
    fn refresh_listen(&mut self) {
        if self.listens.is_stale && self.listens.next.is_none() {
            self.open_listen(false);
        }
    }

    fn open_listen(&mut self, is_again: bool) {
        self.listens.is_stale = false;
        let Some(filter) = self.listens.filter() else {
            if let Some(current) = self.listens.current.take() {
                self.give_up(&current.id, "nothing is subscribed to");
            }
            return;
        };
        let mut params = Object::new();
        params.set("notifications", filter);
        let id = self.send(&Method::new("subscriptions/listen"), params);
        self.expect(id.clone(), Purpose::Listen);
        self.listens.next = Some(Listen {
            id,
            asked: self.listens.wanted.clone(),
            honoured: BTreeSet::new(),
            waiters: std::mem::take(&mut self.listens.waiting),
            opened: self.now,
            is_again,
        });
    }

    /// The resource that a request names. `None` when it has been answered with an error.
    fn read_uri(&mut self, client: &RequestId, params: &Object<'_>) -> Option<String> {
        if !self.listens.can_subscribe {
            let text = "server does not tell of changes of resources";
            self.fail(client, &ErrorObject::new(METHOD_NOT_FOUND, text));
            return None;
        }
        let uri = params.string("uri");
        if uri.is_none() {
            self.fail(client, &ErrorObject::new(INVALID_PARAMS, "uri is not a string"));
        }
        uri
    }
}
