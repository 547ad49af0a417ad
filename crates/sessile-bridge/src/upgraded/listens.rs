//! What the session is told without asking: one `subscriptions/listen`, and the one that is to take its place.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sessile_protocol::RequestId;

use crate::profile::ServerProfile;
use crate::time::Time;

/// How many resources a session may be subscribed to, and how many bytes their URIs may have together: each change
/// sends them all.
const MAX_URIS: usize = 1000;
const MAX_URI_BYTES: usize = 256 << 10;

/// A `subscriptions/listen` at the server.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listen {
    pub(super) id: RequestId,
    /// The resources it asked for.
    pub(super) asked: BTreeSet<String>,
    /// Those of them that the server agreed to.
    pub(super) honoured: BTreeSet<String>,
    /// Those who wait for its acknowledgement.
    pub(super) waiters: Vec<Waiter>,
    pub(super) opened: Time,
    /// Whether it was opened because the server had ended the one before.
    pub(super) is_again: bool,
}

/// A `resources/subscribe` of the client.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiter {
    pub(super) client: RequestId,
    pub(super) uri: String,
}

/// The notifications of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Listens {
    /// Members of the filter, for the lists whose changes the server tells.
    lists: Vec<Cow<'static, str>>,
    pub(super) can_subscribe: bool,
    /// The resources that the client wants to be told of.
    pub(super) wanted: BTreeSet<String>,
    /// Those who wait for a listen that is not opened yet.
    pub(super) waiting: Vec<Waiter>,
    /// The one that is heard.
    pub(super) current: Option<Listen>,
    /// The one that is not acknowledged yet.
    pub(super) next: Option<Listen>,
    /// Whether the client wants something else than what was asked for last.
    pub(super) is_stale: bool,
}

impl Listens {
    /// Notes what the server can tell.
    pub(super) fn declare(&mut self, profile: &ServerProfile) {
        let lists =
            [("tools", "toolsListChanged"), ("prompts", "promptsListChanged"), ("resources", "resourcesListChanged")];
        let declared = lists.into_iter().filter(|(name, _)| profile.has(&[name, "listChanged"]));
        self.lists = declared.map(|(_, member)| Cow::Borrowed(member)).collect();
        self.can_subscribe = profile.has(&["resources", "subscribe"]);
    }

    /// Whether the server tells changes of a list, and has not been asked for anything yet.
    pub(super) fn should_start(&self) -> bool {
        !self.lists.is_empty() && self.current.is_none() && self.next.is_none()
    }

    /// Whether a listen of this id is open.
    pub(super) fn has(&self, id: &RequestId) -> bool {
        [&self.current, &self.next].into_iter().flatten().any(|listen| listen.id == *id)
    }

    /// Whether a notification of the listen `id`, about `uri` where it names one, is for the client. While one listen
    /// takes the place of another, only one of them is heard.
    pub(super) fn is_wanted(&self, id: &RequestId, uri: Option<&str>) -> bool {
        let Some(current) = self.current.as_ref().filter(|current| current.id == *id) else {
            return false;
        };
        // What was not asked for by its name may be a part of what was.
        uri.is_none_or(|uri| !current.asked.contains(uri) || self.wanted.contains(uri))
    }

    /// Whether the client is told of this resource already.
    pub(super) fn is_subscribed(&self, uri: &str) -> bool {
        self.wanted.contains(uri) && self.current.as_ref().is_some_and(|current| current.honoured.contains(uri))
    }

    /// Whether the client may want one more.
    pub(super) fn has_room(&self, uri: &str) -> bool {
        let bytes: usize = self.wanted.iter().map(String::len).sum();
        self.wanted.contains(uri) || (self.wanted.len() < MAX_URIS && bytes + uri.len() <= MAX_URI_BYTES)
    }

    /// Nobody was told that `uri` is subscribed to. It is not wanted, unless somebody still waits for it.
    pub(super) fn unwant(&mut self, uri: &str) {
        let of_next = self.next.iter().flat_map(|next| &next.waiters);
        if !of_next.chain(&self.waiting).any(|waiter| waiter.uri == uri) {
            self.wanted.remove(uri);
        }
    }

    /// Takes out the `resources/subscribe` of this id.
    pub(super) fn take_waiter(&mut self, client: &RequestId) -> Option<Waiter> {
        let of_next = self.next.as_mut().map(|next| &mut next.waiters);
        [Some(&mut self.waiting), of_next].into_iter().flatten().find_map(|waiters| {
            let at = waiters.iter().position(|waiter| waiter.client == *client)?;
            Some(waiters.remove(at))
        })
    }

    /// Parameters of a listen for all that is wanted, as JSON text; `None` when that is nothing.
    pub(super) fn filter(&self) -> Option<String> {
        let mut filter: Map<String, Value> =
            self.lists.iter().map(|member| (member.to_string(), Value::Bool(true))).collect();
        if !self.wanted.is_empty() {
            filter.insert("resourceSubscriptions".to_owned(), self.wanted.iter().cloned().collect());
        }
        (!filter.is_empty()).then(|| Value::Object(filter).to_string())
    }

    /// The listen of this id, if it is the one that waits for its acknowledgement.
    pub(super) fn take_next(&mut self, id: &RequestId) -> Option<Listen> {
        self.next.take_if(|next| next.id == *id)
    }

    /// The listen of this id, if it is the one that is heard.
    pub(super) fn take_current(&mut self, id: &RequestId) -> Option<Listen> {
        self.current.take_if(|current| current.id == *id)
    }
}
