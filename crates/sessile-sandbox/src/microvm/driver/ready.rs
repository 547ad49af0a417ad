//! From an order to a machine whose init waits for its own: copied where that can be, booted where not.

use super::{MicrovmDriver, invalid};
use crate::StartError;
use crate::microvm::boot::{self, Machine};
use crate::microvm::jail;
use crate::microvm::restore_key::RestoreKey;
use crate::microvm::template::shelf::Found;
use crate::microvm::template::{Kind, Template};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A machine whose init waits for an order.
pub(super) struct Ready {
    pub(super) machine: Machine,
    /// Of a template.
    pub(super) is_copy: bool,
    /// What the operator is told.
    pub(super) note: Option<String>,
    /// Among those that start at once.
    pub(super) turn: OwnedSemaphorePermit,
}

/// Waits until it is somebody's turn.
pub(super) async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StartError> {
    Arc::clone(turns).acquire_owned().await.map_err(|_| invalid("the driver is going"))
}

impl MicrovmDriver {
    /// A machine whose init waits for an order: a copy of its kind's template, or one that boots if there is none, or it does not work.
    pub(super) async fn ready(&self, order: &jail::Order<'_>, key: &RestoreKey) -> Result<Ready, StartError> {
        let (template, turn) = match self.templates.find(key) {
            Found::Template(template) => (Found::Template(template), turn(&self.copies).await?),
            Found::None(_) => {
                let turn = turn(&self.boots).await?;
                // Who has waited may find one by now.
                (self.templates.find(key), turn)
            }
        };
        let (why, turn) = match template {
            Found::Template(template) => match self.copy_of(template, order, key).await {
                Ok((machine, note)) => return Ok(Ready { machine, is_copy: true, note, turn }),
                Err(why) => {
                    drop(turn);
                    (Some(why), self::turn(&self.boots).await?)
                }
            },
            Found::None(why) => (why, turn),
        };
        let machine = boot::boot(&*self.walls, order, &self.proofs).await?;
        self.templates.make(key, || Kind {
            machinery: self.machinery.clone(),
            accelerator: order.accelerator,
            disk: order.disk.map(Path::to_owned),
            memory: order.memory,
            processors: order.processors,
        });
        let note = why.map(|why| format!("the machine was booted, and not copied from a template: {why}"));
        Ok(Ready { machine, is_copy: false, note, turn })
    }

    /// A copy of `template`, and what is to be said of it; or why there is none.
    async fn copy_of(
        &self,
        template: Arc<Template>,
        order: &jail::Order<'_>,
        key: &RestoreKey,
    ) -> Result<(Machine, Option<String>), String> {
        let copied = template.copy(&*self.walls, order, &self.proofs).await.map_err(boot::reason);
        let shared = match &copied {
            Ok(machine) => template.is_shared_by(machine).await.clone(),
            Err(why) => Err(why.clone()),
        };
        self.templates.copied(key, shared.clone());
        let machine = copied?;
        let ended = machine.monitor.ended();
        // A template is kept while copies of it live. Ends with the copy.
        tokio::spawn(async move {
            ended.await;
            drop(template);
        });
        let note = shared.err().map(|why| format!("the machine does not share its template's memory: {why}"));
        Ok((machine, note))
    }
}
