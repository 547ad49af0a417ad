//! Where sessions sleep: the files, the rows of the ledger, and what both may take. All of it waits for the disk, on threads of
//! its own.

use crate::record::Owner;
use crate::session::Session;
use crate::states::unix_millis;
use crate::stop::whole_millis;
use serde::{Deserialize, Serialize};
use sessile_store::{
    Claimed, Draft, HibernatedRow, Hibernation, HibernationError, Label, Ledger, LedgerError, Process, Settled, Stage,
};
use std::sync::Arc;

/// Where a node hibernates sessions.
#[derive(Debug)]
pub struct HibernationPlace {
    /// The files.
    pub store: Hibernation,
    /// What nodes that were started as this one was have in common: they go on with each other's sessions.
    pub lineage: String,
    /// Bytes that all files of this node together may have.
    pub disk: u64,
}

/// The same, with the ledger.
#[derive(Debug)]
pub(crate) struct Dormitory {
    store: Hibernation,
    ledger: Arc<Ledger>,
    lineage: String,
    disk: u64,
}

/// Who a session is: what of its row is sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// What clients present. A secret.
    pub(crate) id: String,
    pub(crate) owner: Owner,
    pub(crate) names: Vec<Box<str>>,
    pub(crate) modern: bool,
    pub(crate) parked: usize,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    File(#[from] HibernationError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger does not know it as {0}")]
    Stage(&'static str),
    #[error("it is larger than `node.hibernation_disk`")]
    NoRoom,
    #[error("its driver did not write it to its end")]
    Unfinished,
    #[error("who it is cannot be written: {0}")]
    Note(#[from] serde_json::Error),
    #[error("it was given up: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl Trouble {
    /// Whether no later try can succeed.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::File(error) => error.is_final(),
            Self::Stage(_) => true,
            _ => false,
        }
    }
}

impl Dormitory {
    pub(crate) fn new(ledger: Arc<Ledger>, place: HibernationPlace) -> Self {
        let HibernationPlace { store, lineage, disk } = place;
        Self { store, ledger, lineage, disk }
    }

    /// Bytes that all sessions here may take.
    pub(crate) fn disk(&self) -> u64 {
        self.disk
    }

    pub(crate) fn lineage(&self) -> &str {
        &self.lineage
    }

    /// The row of a session that is about to be written under `generation`, by `driver`.
    pub(crate) fn row(&self, session: &Session, generation: u64, driver: &str) -> Result<HibernatedRow, Trouble> {
        let core = session.lock();
        let note = Note {
            id: session.id.expose().to_owned(),
            owner: Owner::of(&session.principal),
            names: core.names.iter().cloned().collect(),
            modern: matches!(core.bridge, sessile_bridge::Bridge::Modern(_)),
            parked: core.bridge.parked(),
        };
        let (calls, wakes) = (core.calls, core.resting.wakes);
        drop(core);
        let (now, age) = (unix_millis(), whole_millis(session.opened.elapsed()));
        let opened_ms = now.saturating_sub(age);
        Ok(HibernatedRow {
            label: Label {
                session: session.name.to_string(),
                server: session.server.to_string(),
                principal: session.principal.id().to_string(),
                generation,
            },
            lineage: self.lineage.clone(),
            runtime: Process::own().to_string(),
            driver: driver.to_owned(),
            stage: Stage::Writing,
            bytes: 0,
            opened_ms,
            since_ms: now,
            expires_ms: opened_ms.saturating_add(whole_millis(session.limits.max_lifetime)),
            calls,
            wakes,
            identity: self.store.seal(&serde_json::to_vec(&note)?)?,
        })
    }

    /// Who the session of a row is; `None` if this node's key did not seal it.
    pub(crate) fn note(&self, row: &HibernatedRow) -> Option<Note> {
        serde_json::from_slice(&self.store.open_sealed(&row.identity)?).ok()
    }

    /// Begins to write a session.
    pub(crate) async fn begin(&self, row: HibernatedRow) -> Result<Draft, Trouble> {
        let (store, ledger, disk) = (self.store.clone(), Arc::clone(&self.ledger), self.disk);
        blocking(move || {
            // The row first: a file without one is nobody's.
            ledger.hibernation_begins(&row)?;
            let draft = store.begin(&row.label, disk);
            if draft.is_err() {
                ledger.hibernation_over(&row.label)?;
            }
            Ok(draft?)
        })
        .await
    }

    /// Finishes what was written, with its head. It can be woken from then on; how many bytes it has is returned. If this fails, nothing is
    /// left of it.
    pub(crate) async fn commit(&self, settled: Settled, head: Vec<u8>, label: &Label) -> Result<u64, Trouble> {
        let (store, ledger, label) = (self.store.clone(), Arc::clone(&self.ledger), label.clone());
        blocking(move || {
            let committed = settled.commit(&head).map_err(Trouble::from).and_then(|bytes| {
                let is_known = ledger.hibernation_done(&label, bytes)?;
                if is_known { Ok(bytes) } else { Err(Trouble::Stage("being written")) }
            });
            if committed.is_err() {
                // What is left of either is swept by the next node.
                let _ = (store.remove(&label), ledger.hibernation_over(&label));
            }
            committed
        })
        .await
    }

    /// Takes a session to wake it: on the disk, when this returns.
    pub(crate) async fn claim(&self, label: &Label) -> Result<Claimed, Trouble> {
        let (store, ledger, label) = (self.store.clone(), Arc::clone(&self.ledger), label.clone());
        blocking(move || {
            if !ledger.hibernation_wakes(&label)? {
                return Err(Trouble::Stage("asleep"));
            }
            let claimed = store.claim(&label);
            if claimed.is_err() {
                ledger.hibernation_goes_on(&label)?;
            }
            Ok(claimed?)
        })
        .await
    }

    /// Puts a session back of which nothing has run.
    pub(crate) async fn give_back(&self, claimed: Claimed, label: &Label) -> Result<(), Trouble> {
        let (ledger, label) = (Arc::clone(&self.ledger), label.clone());
        blocking(move || {
            claimed.give_back()?;
            let is_known = ledger.hibernation_goes_on(&label)?;
            if is_known { Ok(()) } else { Err(Trouble::Stage("waking")) }
        })
        .await
    }

    /// Removes a session: it runs, or is over. What cannot be removed now is by the next node.
    pub(crate) async fn forget(&self, label: &Label) {
        let (store, ledger, gone) = (self.store.clone(), Arc::clone(&self.ledger), label.clone());
        let forgotten = blocking(move || {
            store.remove(&gone)?;
            Ok(ledger.hibernation_over(&gone)?)
        });
        if let Err(error) = forgotten.await {
            tracing::warn!(
                target: "sessile::runtime", session = label.session, %error,
                "what is left of a hibernated session cannot be removed; the next node tries again"
            );
        }
    }

    /// How many bytes there are of a session that can be woken, and does not run; says so in the ledger, too. `None` if it cannot.
    pub(crate) async fn put_right(&self, row: &HibernatedRow) -> Option<u64> {
        let (store, ledger, row) = (self.store.clone(), Arc::clone(&self.ledger), row.clone());
        let right = blocking(move || {
            let Some(bytes) = store.size(&row.label) else { return Ok(None) };
            let is_known = match row.stage {
                // It is whole, and its sandbox was ended before it could be. Only the ledger had not been told.
                Stage::Writing => ledger.hibernation_done(&row.label, bytes)?,
                Stage::Asleep => true,
                // It had not been taken yet.
                Stage::Waking => ledger.hibernation_goes_on(&row.label)?,
            };
            Ok(is_known.then_some(bytes))
        });
        right.await.ok().flatten()
    }

    /// Makes a session of a node that is gone one of this process. `false` if another one was faster.
    pub(crate) async fn take_over(&self, row: &HibernatedRow) -> bool {
        let (ledger, row) = (Arc::clone(&self.ledger), row.clone());
        blocking(move || Ok(ledger.hibernation_taken_over(&row, &Process::own().to_string())?)).await.unwrap_or(false)
    }

    /// All rows, and whether the process that has each is gone, after files were removed that none of them knows.
    pub(crate) async fn sweep(&self) -> Result<Vec<HibernatedRow>, Trouble> {
        let (store, ledger) = (self.store.clone(), Arc::clone(&self.ledger));
        blocking(move || {
            let files = store.files()?;
            let rows = ledger.hibernated()?;
            let labels: Vec<_> = rows.iter().map(|row| row.label.clone()).collect();
            let removed = store.sweep(&files, &labels)?;
            if removed > 0 {
                tracing::info!(target: "sessile::runtime", removed, "files of hibernated sessions that nobody knows were removed");
            }
            Ok(rows)
        })
        .await
    }

    /// All rows. Waits for the disk.
    pub(crate) fn rows(&self) -> Vec<HibernatedRow> {
        self.ledger.hibernated().unwrap_or_default()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await?
}
