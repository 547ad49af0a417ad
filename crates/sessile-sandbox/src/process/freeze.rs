//! Freezing a sandbox and thawing it, by its cgroup.

use crate::cgroup::Group;
use crate::cgroup::freeze::{NotFrozen, PATIENCE};
use crate::{BoxFuture, FreezeError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is said where no cgroup can freeze.
const NO_MEANS: &str = "there is no cgroup that can (the freezer of version 1, or version 2 since Linux 5.2); signals would not do, \
    as processes can tell and others can undo them";

/// Whether a sandbox is frozen, or about to be.
#[derive(Debug, Default)]
pub(crate) struct Frost {
    is_there: AtomicBool,
    killed: AtomicBool,
}

impl Frost {
    /// Freezes what is in `group`. Its memory is given back to the host in the background.
    pub(crate) fn freeze(self: &Arc<Self>, group: &Arc<Group>) -> BoxFuture<'static, Result<(), FreezeError>> {
        let (frost, group) = (Arc::clone(self), Arc::clone(group));
        act("freeze the sandbox", move || {
            // Before it is: whoever kills it meanwhile is to thaw it.
            frost.is_there.store(true, Ordering::SeqCst);
            let frozen = group.freeze();
            if frozen.is_err() {
                frost.is_there.store(false, Ordering::SeqCst);
            }
            if frost.killed.load(Ordering::SeqCst) {
                group.kill();
            }
            frozen?;
            // As long as it takes: nobody waits for it, and it may be thawed meanwhile.
            drop(tokio::task::spawn_blocking(move || {
                if frost.is_there.load(Ordering::SeqCst) {
                    group.reclaim();
                }
            }));
            Ok(())
        })
    }

    /// Lets what is in `group` go on.
    pub(crate) fn thaw(self: &Arc<Self>, group: &Arc<Group>) -> BoxFuture<'static, Result<(), FreezeError>> {
        let (frost, group) = (Arc::clone(self), Arc::clone(group));
        act(
            "thaw the sandbox",
            move || if frost.is_there.swap(false, Ordering::SeqCst) { group.thaw() } else { Ok(()) },
        )
    }

    /// The first process in `group` was killed: lets the others die with it.
    pub(crate) fn killed(&self, group: &Group) {
        self.killed.store(true, Ordering::SeqCst);
        if self.is_there.load(Ordering::SeqCst) {
            // All of it, and then it is thawed: before that it would not die.
            group.kill();
        }
    }
}

fn act(
    what: &'static str,
    work: impl FnOnce() -> Result<(), NotFrozen> + Send + 'static,
) -> BoxFuture<'static, Result<(), FreezeError>> {
    let failed = move |source: io::Error| FreezeError::Failed { what: what.to_owned(), source };
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.into()))?;
        done.map_err(|error| match error {
            NotFrozen::NoMeans => FreezeError::Unsupported { why: NO_MEANS.to_owned() },
            NotFrozen::Late => FreezeError::Late { after: PATIENCE },
            NotFrozen::Failed(error) => {
                FreezeError::Failed { what: format!("{what} by {}", error.path.display()), source: error.source }
            }
        })
    })
}
