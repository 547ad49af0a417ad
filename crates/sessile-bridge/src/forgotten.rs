//! Requests that were given up, whose answers may still come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sessile_protocol::RequestId;

/// How many are remembered.
const LIMIT: usize = 128;

/// Ids of requests that ended without an answer of the other side, newest last. Only tells late answers from
/// invented ones, so the oldest may be forgotten.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Forgotten(VecDeque<RequestId>);

impl Forgotten {
    pub(crate) fn note(&mut self, id: RequestId) {
        if self.0.len() == LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    pub(crate) fn contains(&self, id: &RequestId) -> bool {
        self.0.contains(id)
    }

    /// The late answer has come; another one would be invented.
    pub(crate) fn take(&mut self, id: &RequestId) -> bool {
        let place = self.0.iter().position(|known| known == id);
        place.and_then(|place| self.0.remove(place)).is_some()
    }
}
