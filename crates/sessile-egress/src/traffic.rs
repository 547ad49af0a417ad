//! Bytes, counted per session and per target.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::target::Target;

/// The most targets that are counted by name; further ones are counted together.
const MOST_TARGETS: usize = 256;

/// Bytes sent to and received from the outside, TLS and HTTP heads included, IP and TCP headers not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Out of the sandbox.
    pub sent: u64,
    /// Into the sandbox.
    pub received: u64,
}

/// A running count.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counter {
    pub(crate) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> Traffic {
        Traffic { sent: self.sent.load(Ordering::Relaxed), received: self.received.load(Ordering::Relaxed) }
    }
}

/// The counts of one session.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) session: Arc<Counter>,
    targets: Mutex<BTreeMap<Target, Arc<Counter>>>,
    others: Arc<Counter>,
}

impl Counters {
    pub(crate) fn of(&self, target: &Target) -> Arc<Counter> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = targets.get(target) {
            return Arc::clone(known);
        }
        if targets.len() >= MOST_TARGETS {
            return Arc::clone(&self.others);
        }
        Arc::clone(targets.entry(target.clone()).or_default())
    }

    /// By target, the others last, without a name.
    pub(crate) fn by_target(&self) -> Vec<(Option<Target>, Traffic)> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = targets.iter().map(|(target, count)| (Some(target.clone()), count.so_far())).collect();
        if self.others.so_far() != Traffic::default() {
            all.push((None, self.others.so_far()));
        }
        all
    }
}
