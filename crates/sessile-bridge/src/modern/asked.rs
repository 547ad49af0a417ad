//! What the bridge has asked the server, and has no answer to yet.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use sessile_protocol::RequestId;

use crate::forgotten::Forgotten;
use crate::mint::CallId;

/// How many requests of the bridge's own, whose answers nobody waits for, are remembered.
const OWN: usize = 64;

/// What a request to the server is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// To learn whether the server is modern.
    Discover,
    /// To open a legacy server.
    Initialize,
    /// A client's call.
    Call(CallId),
    /// A client's `subscriptions/listen`, at a modern server.
    Listen(CallId),
    /// To hear of changes of this resource, at a legacy server.
    Subscribe(String),
    /// Its answer only has to be taken.
    Own,
}

/// The requests that the server has not answered. Each has a number of its own, which is its id and its progress
/// token: clients may choose the same ones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    open: BTreeMap<u64, Purpose>,
    own: VecDeque<u64>,
    forgotten: Forgotten,
    last: u64,
}

impl Asked {
    /// A number nobody has.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes that a request was sent.
    pub(super) fn open(&mut self, number: u64, purpose: Purpose) {
        if purpose == Purpose::Own {
            if self.own.len() == OWN
                && let Some(oldest) = self.own.pop_front()
            {
                self.give_up(oldest);
            }
            self.own.push_back(number);
        }
        self.open.insert(number, purpose);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Purpose> {
        self.open.get(&id.parse().ok()?)
    }

    /// Takes a request out because it has its answer.
    pub(super) fn answered(&mut self, id: &RequestId) -> Option<(u64, Purpose)> {
        let number = id.as_json().parse().ok()?;
        let purpose = self.open.remove(&number)?;
        if purpose == Purpose::Own {
            self.own.retain(|own| *own != number);
        }
        Some((number, purpose))
    }

    /// Takes a request out although the server has not answered it.
    pub(super) fn give_up(&mut self, number: u64) -> bool {
        let was_open = self.open.remove(&number).is_some();
        if was_open {
            self.forgotten.note(id_of(number));
        }
        was_open
    }

    /// Takes out the request with this purpose.
    pub(super) fn give_up_purpose(&mut self, purpose: &Purpose) -> Option<u64> {
        let number = self.open.iter().find(|(_, known)| *known == purpose).map(|(number, _)| *number)?;
        self.give_up(number).then_some(number)
    }

    pub(super) fn is_open(&self, purpose: &Purpose) -> bool {
        self.open.values().any(|known| known == purpose)
    }

    /// Whether this is the first answer to a request that was given up.
    pub(super) fn is_late(&mut self, id: &RequestId) -> bool {
        self.forgotten.take(id)
    }

    /// Nobody will answer any more. Gives the numbers of what was open.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        self.own.clear();
        std::mem::take(&mut self.open).into_keys().collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

/// A number as the id of a request.
pub(super) fn id_of(number: u64) -> RequestId {
    RequestId::from(i64::try_from(number).unwrap_or(i64::MAX))
}
