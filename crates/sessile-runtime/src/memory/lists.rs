//! Remembered lists: bounded, the least recently used goes first.

use super::hints::{Answer, Audience};
use super::key::{Asked, ListKey};
use sessile_bridge::List;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// How many answers of one server are remembered.
const MOST: usize = 256;
/// How many bytes they take together.
const MOST_BYTES: usize = 8 << 20;
/// What an answer takes besides its text, roughly.
const OVERHEAD: usize = 256;

/// The lists of one server.
#[derive(Debug, Default)]
pub(super) struct Lists {
    answers: HashMap<Slot, Kept>,
    bytes: usize,
    /// Counts up with each use.
    uses: u64,
}

/// A question, and for private answers who asked it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    asked: Asked,
    whose: Option<Arc<str>>,
}

#[derive(Debug)]
struct Kept {
    list: List,
    answer: Answer,
    used: u64,
}

impl Kept {
    fn size(&self) -> usize {
        self.answer.size() + OVERHEAD
    }
}

impl Lists {
    /// What `key` is to be answered with: what everyone gets, else what this principal gets.
    pub(super) fn get(&mut self, key: &ListKey, now: SystemTime) -> Option<Arc<str>> {
        let own = Slot { asked: key.asked, whose: Some(Arc::clone(&key.principal)) };
        [Slot { asked: key.asked, whose: None }, own].iter().find_map(|slot| self.given(slot, now))
    }

    fn given(&mut self, slot: &Slot, now: SystemTime) -> Option<Arc<str>> {
        let kept = self.answers.get_mut(slot)?;
        let Some(result) = kept.answer.given(now) else {
            self.remove(slot);
            return None;
        };
        self.uses += 1;
        kept.used = self.uses;
        Some(result)
    }

    /// Remembers an answer. It takes the place of whatever the same question was answered with before, for everyone
    /// too: a server that calls private what was public may have had a reason.
    pub(super) fn put(&mut self, key: ListKey, answer: Answer, audience: Audience) {
        self.remove(&Slot { asked: key.asked, whose: None });
        let whose = (audience == Audience::OnePrincipal).then_some(key.principal);
        let slot = Slot { asked: key.asked, whose };
        self.remove(&slot);
        self.uses += 1;
        let kept = Kept { list: key.list, answer, used: self.uses };
        if kept.size() > MOST_BYTES {
            return;
        }
        self.bytes += kept.size();
        self.answers.insert(slot, kept);
        while self.answers.len() > MOST || self.bytes > MOST_BYTES {
            let oldest = self.answers.iter().min_by_key(|(_, kept)| kept.used).map(|(slot, _)| slot.clone());
            let Some(oldest) = oldest else { return };
            self.remove(&oldest);
        }
    }

    /// Forgets what is known of one list. Whether that was anything.
    pub(super) fn forget(&mut self, list: List) -> bool {
        let before = self.answers.len();
        self.answers.retain(|_, kept| kept.list != list);
        self.bytes = self.answers.values().map(Kept::size).sum();
        self.answers.len() < before
    }

    /// What everyone gets, the most recently used first.
    pub(super) fn public(&self) -> Vec<(List, Asked, &Answer)> {
        let mut kept: Vec<_> = self.answers.iter().filter(|(slot, _)| slot.whose.is_none()).collect();
        kept.sort_unstable_by_key(|(_, kept)| std::cmp::Reverse(kept.used));
        kept.into_iter().map(|(slot, kept)| (kept.list, slot.asked, &kept.answer)).collect()
    }

    /// Puts back what [`Lists::public`] gave.
    pub(super) fn restore(&mut self, list: List, asked: Asked, answer: Answer) {
        let slot = Slot { asked, whose: None };
        self.remove(&slot);
        let kept = Kept { list, answer, used: 0 };
        if self.answers.len() < MOST && self.bytes + kept.size() <= MOST_BYTES {
            self.bytes += kept.size();
            self.answers.insert(slot, kept);
        }
    }

    fn remove(&mut self, slot: &Slot) {
        if let Some(kept) = self.answers.remove(slot) {
            self.bytes = self.bytes.saturating_sub(kept.size());
        }
    }
}

#[cfg(test)]
mod tests;
