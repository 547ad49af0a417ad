//! Making templates beside the starts, and letting go of them: never in the way of whoever waits for a session.

use super::super::boot;
use super::super::error::PartError;
use super::super::restore_key::RestoreKey;
use super::news::{TellTemplates, TemplateNews};
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

/// How long a template that is to be made waits for a moment in which no session's machine boots, and how often it looks. Where sessions
/// come all the time, they gain most by it.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// See the module. Dropping it ends the work and lets go of every template; copies keep what they share.
pub(in crate::microvm) struct Workshop {
    shelf: Arc<Shelf>,
    walls: Arc<dyn Driver>,
    boots: Boots,
    /// One is made at a time.
    turn: Arc<Semaphore>,
    tell: TellTemplates,
    work: Mutex<JoinSet<()>>,
}

/// Machines of sessions that boot.
#[derive(Clone)]
pub(in crate::microvm) struct Boots {
    /// The turns of those that boot at once.
    pub(in crate::microvm) turns: Arc<Semaphore>,
    /// How many there are.
    pub(in crate::microvm) all: usize,
}

impl Boots {
    /// Waits until none boots, for a while.
    async fn pause(&self) {
        let until = Instant::now() + PATIENCE;
        while self.turns.available_permits() < self.all && Instant::now() < until {
            sleep(LOOK).await;
        }
    }
}

impl Workshop {
    /// A workshop whose machines are servers of `walls`, take at most `limit` MiB together and boot beside `boots`, by nobody's leave.
    /// Must be called inside a tokio runtime.
    pub(in crate::microvm) fn new(walls: Arc<dyn Driver>, boots: Boots, limit: u64, tell: TellTemplates) -> Self {
        let shelf = Arc::new(Shelf::new(limit));
        let mut work = JoinSet::new();
        let (tidied, told) = (Arc::clone(&shelf), tell.clone());
        work.spawn(async move {
            loop {
                sleep(PACE).await;
                let gone = tidied.tidy(Instant::now());
                tell_gone(&told, &tidied, gone);
            }
        });
        Self { shelf, walls, boots, turn: Arc::new(Semaphore::new(1)), tell, work: Mutex::new(work) }
    }

    /// The template of a kind, if there is one.
    pub(in crate::microvm) fn find(&self, key: &RestoreKey) -> Found {
        self.shelf.find(key, Instant::now())
    }

    /// Takes in what came of a copy.
    pub(in crate::microvm) fn copied(&self, key: &RestoreKey, outcome: Result<(), TemplateNews>) {
        let why = match &outcome {
            Ok(()) => Ok(()),
            Err(TemplateNews::NotCopied { why } | TemplateNews::NotShared { why } | TemplateNews::NotMade { why }) => {
                Err(why.clone())
            }
            Err(TemplateNews::Made { .. } | TemplateNews::Gone) => Err(String::new()),
        };
        self.shelf.copied(key, why, Instant::now());
        if let Err(news) = outcome {
            self.tell.tell(&key.to_string(), news, self.shelf.stock());
        }
    }

    /// Has the template of a kind made, unless it is there, has failed too often or finds no room. `still` gives the kind's key as it is
    /// once it was made: what was built of another image than its key says is thrown away.
    pub(in crate::microvm) fn make(
        &self,
        key: &RestoreKey,
        kind: Kind,
        still: impl FnOnce(&Kind) -> Result<RestoreKey, PartError> + Send + 'static,
    ) {
        let Some(gone) = self.shelf.claim(key, kind.memory, Instant::now()) else { return };
        tell_gone(&self.tell, &self.shelf, gone);
        let (shelf, walls, boots) = (Arc::clone(&self.shelf), Arc::clone(&self.walls), self.boots.clone());
        let (key, turn, tell) = (key.clone(), Arc::clone(&self.turn), self.tell.clone());
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        while work.try_join_next().is_some() {}
        work.spawn(async move {
            let _turn = turn.acquire().await;
            boots.pause().await;
            let begun = Instant::now();
            let made = Template::make(&*walls, &kind).await.map_err(boot::reason);
            let made = made.and_then(|template| match still(&kind) {
                Ok(now) if now == key => Ok(template),
                Ok(_) => Err("its image was exchanged meanwhile".to_owned()),
                Err(error) => Err(error.to_string()),
            });
            let news = match &made {
                Ok(_) => TemplateNews::Made { took: begun.elapsed() },
                Err(why) => TemplateNews::NotMade { why: why.clone() },
            };
            shelf.made(&key, made, Instant::now());
            tell.tell(&key.to_string(), news, shelf.stock());
        });
    }
}

fn tell_gone(tell: &TellTemplates, shelf: &Shelf, gone: Vec<RestoreKey>) {
    for key in gone {
        tell.tell(&key.to_string(), TemplateNews::Gone, shelf.stock());
    }
}
