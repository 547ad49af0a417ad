//! Who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{Method, Object, json_text};

use crate::event::{ConnectionId, List};
use crate::mint::CallId;
use crate::profile::ServerProfile;
use crate::time::Time;

use super::call::Exchange;

/// How many resources the listeners of a session may watch together.
pub(super) const MAX_URIS: usize = 1024;

/// One `subscriptions/listen` that is open.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listener {
    pub(super) exchange: Exchange,
    pub(super) lists: Vec<List>,
    pub(super) uris: BTreeSet<String>,
    /// Those of `uris` whose subscription the server has not confirmed.
    pub(super) pending: BTreeSet<String>,
    /// The tasks of the bridge's own that it listens to.
    pub(super) tasks: Vec<String>,
    /// What came before it was acknowledged, the newest of each kind.
    pub(super) held: Vec<Held>,
    pub(super) is_acknowledged: bool,
    /// The number of its request at a modern server.
    pub(super) upstream: Option<u64>,
}

impl Listener {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            lists: Vec::new(),
            uris: BTreeSet::new(),
            pending: BTreeSet::new(),
            tasks: Vec::new(),
            held: Vec::new(),
            is_acknowledged: false,
            upstream: None,
        }
    }

    /// The subscribed resource that a changed one is, or is part of.
    pub(super) fn watches(&self, uri: &str) -> Option<&String> {
        let is_part = |watched: &str| {
            let rest = uri.strip_prefix(watched.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        self.uris.iter().find(|watched| *watched == uri || is_part(watched))
    }

    /// What it was promised, as `notifications` of the acknowledgement.
    pub(super) fn agreed(&self) -> String {
        let mut agreed = Object::new();
        for list in &self.lists {
            agreed.set(filter_of(*list), "true");
        }
        for (name, values) in
            [("resourceSubscriptions", Vec::from_iter(&self.uris)), ("taskIds", self.tasks.iter().collect())]
        {
            if !values.is_empty() {
                agreed.set(name, serde_json::Value::from_iter(values.into_iter().map(String::as_str)).to_string());
            }
        }
        agreed.to_json()
    }
}

/// A notification that waits for the acknowledgement of its listener.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    /// What it is about: a newer one takes its place.
    pub(super) key: String,
    pub(super) method: Method,
    #[serde(with = "json_text")]
    pub(super) data: Bytes,
}

/// One resource that is watched at a legacy server.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watched {
    /// The number of `resources/subscribe`.
    pub(super) number: u64,
    pub(super) asked: Time,
    pub(super) is_confirmed: bool,
    pub(super) listeners: usize,
}

/// All listeners of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Subscriptions {
    pub(super) listeners: BTreeMap<CallId, Listener>,
    pub(super) uris: BTreeMap<String, Watched>,
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.listeners.len()
    }

    pub(super) fn on(&self, connection: ConnectionId) -> Option<CallId> {
        let mut listeners = self.listeners.iter();
        listeners.find(|(_, listener)| listener.exchange.connection == connection).map(|(id, _)| *id)
    }

    /// The listeners that `wants` is true of.
    pub(super) fn those(&self, wants: impl Fn(&Listener) -> bool) -> Vec<CallId> {
        self.listeners.iter().filter(|(_, listener)| wants(listener)).map(|(id, _)| *id).collect()
    }

    /// Since when the oldest subscription waits for the server's word.
    pub(super) fn oldest_unconfirmed(&self) -> Option<Time> {
        self.uris.values().filter(|watched| !watched.is_confirmed).map(|watched| watched.asked).min()
    }
}

/// The lists of a filter that the server tells about when they change.
pub(super) fn agreed_lists(filter: &Object<'_>, profile: &ServerProfile) -> Vec<List> {
    let is_agreed = |list: &List| {
        let capability = match list {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources => "resources",
        };
        filter.get(filter_of(*list)) == Some("true") && profile.has(&[capability, "listChanged"])
    };
    [List::Tools, List::Prompts, List::Resources].into_iter().filter(is_agreed).collect()
}

/// The strings of a member of a filter, each once.
pub(super) fn strings(filter: &Object<'_>, name: &str) -> BTreeSet<String> {
    filter.get(name).and_then(|values| serde_json::from_str(values).ok()).unwrap_or_default()
}

fn filter_of(list: List) -> &'static str {
    match list {
        List::Tools => "toolsListChanged",
        List::Prompts => "promptsListChanged",
        List::Resources => "resourcesListChanged",
    }
}
