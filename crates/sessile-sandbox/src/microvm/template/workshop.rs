//! Making templates beside the starts, and letting go of them: never in the way of whoever waits for a session.

use super::super::boot;
use super::super::restore_key::RestoreKey;
use super::shelf::{Found, Shelf};
use super::{Kind, Template};
use crate::driver::Driver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often it is looked for what nobody uses.
const PACE: Duration = Duration::from_secs(30);

/// See the module. Dropping it ends the work and lets go of every template; copies keep what they share.
pub(in crate::microvm) struct Workshop {
    shelf: Arc<Shelf>,
    walls: Arc<dyn Driver>,
    /// Machines that boot at once.
    boots: Arc<Semaphore>,
    work: Mutex<JoinSet<()>>,
}

impl Workshop {
    /// A workshop whose machines are servers of `walls` and boot by `boots`' leave. Must be called inside a tokio runtime.
    pub(in crate::microvm) fn new(walls: Arc<dyn Driver>, boots: Arc<Semaphore>) -> Self {
        let shelf = Arc::new(Shelf::default());
        let mut work = JoinSet::new();
        let tidied = Arc::clone(&shelf);
        work.spawn(async move {
            loop {
                sleep(PACE).await;
                tidied.tidy(Instant::now());
            }
        });
        Self { shelf, walls, boots, work: Mutex::new(work) }
    }

    /// The template of a kind, if there is one.
    pub(in crate::microvm) fn find(&self, key: &RestoreKey) -> Found {
        self.shelf.find(key, Instant::now())
    }

    /// Takes in what came of a copy.
    pub(in crate::microvm) fn copied(&self, key: &RestoreKey, outcome: Result<(), String>) {
        self.shelf.copied(key, outcome, Instant::now());
    }

    /// Has the template of a kind made, unless it is there or has failed too often. It boots when it is its turn, as every machine does.
    pub(in crate::microvm) fn make(&self, key: &RestoreKey, kind: impl FnOnce() -> Kind) {
        if !self.shelf.claim(key, Instant::now()) {
            return;
        }
        let (shelf, walls, boots) = (Arc::clone(&self.shelf), Arc::clone(&self.walls), Arc::clone(&self.boots));
        let (key, kind) = (key.clone(), kind());
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        while work.try_join_next().is_some() {}
        work.spawn(async move {
            let _turn = boots.acquire().await;
            let made = Template::make(&*walls, &kind).await.map_err(boot::reason);
            shelf.made(&key, made, Instant::now());
        });
    }
}
