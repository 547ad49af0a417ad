//! Server requests that wait for the client's answer.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sessile_protocol::{Method, RequestId};

use crate::event_id::StreamId;
use crate::forgotten::Forgotten;
use crate::time::Time;

/// One server request that is open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerRequest {
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    /// The client request it was asked for, where the server says so. It ends with that request.
    pub(crate) call: Option<RequestId>,
    pub(crate) asked: Time,
    /// Where it went. `None` while it waits for the next GET stream.
    pub(crate) stream: Option<StreamId>,
}

/// The open server requests, in the order they were asked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ServerRequests {
    open: BTreeMap<u64, ServerRequest>,
    by_id: HashMap<RequestId, u64>,
    forgotten: Forgotten,
    next: u64,
}

impl ServerRequests {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn contains(&self, id: &RequestId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn open(&mut self, request: ServerRequest) {
        self.by_id.insert(request.id.clone(), self.next);
        self.open.insert(self.next, request);
        self.next += 1;
    }

    /// Notes where a request went.
    pub(crate) fn moved(&mut self, id: &RequestId, stream: Option<StreamId>) {
        if let Some(request) = self.by_id.get(id).and_then(|order| self.open.get_mut(order)) {
            request.stream = stream;
        }
    }

    /// Takes a request out because it has its answer.
    pub(crate) fn answered(&mut self, id: &RequestId) -> Option<ServerRequest> {
        self.open.remove(&self.by_id.remove(id)?)
    }

    /// Takes a request out although the client has not answered it.
    pub(crate) fn give_up(&mut self, id: &RequestId) -> Option<ServerRequest> {
        let request = self.answered(id)?;
        self.forgotten.note(request.id.clone());
        Some(request)
    }

    /// Whether this is the first answer to a request that was given up.
    pub(crate) fn is_late(&mut self, id: &RequestId) -> bool {
        self.forgotten.take(id)
    }

    /// The open requests that were asked for a client request.
    pub(crate) fn asked_for(&self, call: &RequestId) -> Vec<RequestId> {
        let of_call = self.open.values().filter(|request| request.call.as_ref() == Some(call));
        of_call.map(|request| request.id.clone()).collect()
    }

    pub(crate) fn oldest(&self) -> Option<&ServerRequest> {
        self.open.values().next()
    }
}
