//! Client requests that wait for their answer.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sessile_protocol::{Method, ProgressToken, RequestId};

use crate::event_id::StreamId;
use crate::forgotten::Forgotten;
use crate::time::Time;

/// One client request in flight.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    pub(crate) subject: Option<String>,
    pub(crate) progress_token: Option<ProgressToken>,
    /// Where its answer goes. `None` when the client has one stream for everything.
    pub(crate) stream: Option<StreamId>,
    pub(crate) started: Time,
}

/// The requests in flight, in the order they started.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Calls {
    open: BTreeMap<u64, Call>,
    by_id: HashMap<RequestId, u64>,
    by_token: HashMap<ProgressToken, u64>,
    forgotten: Forgotten,
    next: u64,
}

impl Calls {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether an answer with this id could be meant for another request.
    pub(crate) fn is_taken(&self, id: &RequestId) -> bool {
        self.by_id.contains_key(id) || self.forgotten.contains(id)
    }

    pub(crate) fn open(&mut self, call: Call) {
        let order = self.next;
        self.next += 1;
        self.by_id.insert(call.id.clone(), order);
        if let Some(token) = &call.progress_token {
            self.by_token.insert(token.clone(), order);
        }
        self.open.insert(order, call);
    }

    /// Takes a call out because it has its answer.
    pub(crate) fn answered(&mut self, id: &RequestId) -> Option<Call> {
        let order = self.by_id.remove(id)?;
        let call = self.open.remove(&order)?;
        if let Some(token) = &call.progress_token
            && self.by_token.get(token) == Some(&order)
        {
            self.by_token.remove(token);
        }
        Some(call)
    }

    /// Takes a call out although the server has not answered it.
    pub(crate) fn give_up(&mut self, id: &RequestId) -> Option<Call> {
        let call = self.answered(id)?;
        self.forgotten.note(call.id.clone());
        Some(call)
    }

    /// Whether this is the first answer to a call that was given up.
    pub(crate) fn is_late(&mut self, id: &RequestId) -> bool {
        self.forgotten.take(id)
    }

    pub(crate) fn get(&self, id: &RequestId) -> Option<&Call> {
        self.open.get(self.by_id.get(id)?)
    }

    pub(crate) fn with_token(&self, token: &ProgressToken) -> Option<&Call> {
        self.open.get(self.by_token.get(token)?)
    }

    pub(crate) fn youngest_first(&self) -> impl Iterator<Item = &Call> {
        self.open.values().rev()
    }

    pub(crate) fn oldest(&self) -> Option<&Call> {
        self.open.values().next()
    }
}
