//! Taking over the machines of a runtime that is gone: their monitors' sandboxes are adopted as all others, and with them the porters,
//! which have carried on meanwhile.

use super::boot::{self, Machine, Proofs};
use super::keeping::Made;
use super::parts::{self, Build};
use super::sleep;
use super::supervise::{self, About};
use super::wire::Wire;
use crate::driver::Driver;
use crate::{AdoptError, Adopted, StartError};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a porter may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a machine's next runtime needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Badge {
    /// What it has.
    pub(super) made: Made,
    /// What is less than was asked for.
    pub(super) notes: Vec<String>,
}

impl Badge {
    /// As its sandbox keeps it.
    pub(super) fn into_note(self) -> Result<String, StartError> {
        serde_json::to_string(&self).map_err(|error| StartError::host("write the machine's record")(error.into()))
    }
}

/// Takes over every machine whose runtime is gone. `walls` holds machines only. Of the parts in `stock`, those go that nobody uses then.
pub(super) async fn all(
    walls: &dyn Driver,
    stock: &Arc<Path>,
    proofs: &Arc<Proofs>,
) -> Vec<Result<Adopted, AdoptError>> {
    let (mut adopted, mut used) = (Vec::new(), Vec::new());
    for monitor in walls.adopt().await {
        adopted.push(match monitor {
            Ok(monitor) => one(monitor, stock, proofs, &mut used).await,
            Err(error) => Err(error),
        });
    }
    let stock = Arc::clone(stock);
    let _ = tokio::task::spawn_blocking(move || parts::prune(&stock, &used)).await;
    adopted
}

async fn one(
    adopted: Adopted,
    stock: &Arc<Path>,
    proofs: &Arc<Proofs>,
    used: &mut Vec<Build>,
) -> Result<Adopted, AdoptError> {
    let Adopted { sandbox: monitor, estate, kept, note } = adopted;
    let id = monitor.id().clone();
    let failed = |what: &'static str| {
        let sandbox = id.to_string();
        move |source: io::Error| AdoptError { sandbox, what, source }
    };
    let note = note.ok_or_else(|| failed("know the machine of")(io::Error::other("it has no record")))?;
    let badge: Badge = serde_json::from_str(&note).map_err(|error| failed("read the record of")(error.into()))?;
    used.push(badge.made.build.clone());
    let control =
        kept.ok_or_else(|| failed("control the machine of")(io::Error::other("it has no socket for that")))?;
    let taken = timeout(PATIENCE, Wire::take(&monitor)).await;
    let taken = taken.map_err(|_| failed("reach the porter of")(io::ErrorKind::TimedOut.into()))?;
    let wire = taken.map_err(|error| failed("reach the porter of")(io::Error::other(error)))?;
    let mut machine =
        Machine::adopted(monitor, control, wire).map_err(|error| failed("watch")(io::Error::other(error)))?;
    let Badge { made, mut notes } = badge;
    notes.extend(machine.monitor.notes().iter().cloned());
    // Its runtime may have been killed while it wrote the machine down: at any step of that. A machine that was not stopped at all is
    // merely made another one, which takes nothing from it.
    sleep::run_on(&mut machine.control).await.map_err(|why| failed("run")(io::Error::other(why)))?;
    boot::say_renew(&mut machine.wire).await.map_err(|error| failed("renew")(io::Error::other(error)))?;
    let about = About { made, stock: Arc::clone(stock), notes, proofs: Arc::clone(proofs), owed: 1 };
    Ok(Adopted { sandbox: supervise::watch_over(machine, id, about), estate, kept: None, note: None })
}
