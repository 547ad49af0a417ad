//! Sandboxes that rest: written down and ended ([`Sandbox::hibernate`](crate::Sandbox::hibernate)) until a driver
//! [wakes](crate::Driver::wake) them, or frozen where they are ([`Sandbox::freeze`](crate::Sandbox::freeze)). This file says what can
//! go wrong with it.

use crate::{Ended, StartError};
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};

/// Where the state of a sandbox is written to. A driver shuts it down when it has written all, and hears from that whether it is kept: before,
/// the sandbox must be able to go on.
pub type StateSink = Box<dyn AsyncWrite + Send + Unpin>;
/// Where it is read from.
pub type StateSource = Box<dyn AsyncRead + Send + Unpin>;

/// A sandbox that was written down.
pub struct WrittenDown {
    /// What [`Sandbox::hibernate`](crate::Sandbox::hibernate) returned.
    pub asleep: String,
    /// The state that it wrote.
    pub state: StateSource,
    /// The directory that it was given, as it left it.
    pub beside: PathBuf,
}

/// Why a sandbox was not written down.
#[derive(Debug, thiserror::Error)]
pub enum HibernateError {
    /// Its driver cannot do that at all.
    #[error("sandboxes of this driver cannot be written down")]
    Unsupported,
    /// Something is on its way that would be lost. The sandbox goes on as before; a later try may succeed.
    #[error("the sandbox cannot be written down at this moment: {what}")]
    Busy {
        /// What is on its way.
        what: String,
    },
    /// It did not work. The sandbox goes on as before, or has ended: [`Sandbox::ended`](crate::Sandbox::ended) says so.
    #[error("the sandbox could not be written down: {what}")]
    Failed {
        /// What went wrong.
        what: String,
    },
    /// It has ended before.
    #[error("the sandbox has ended ({})", .0.exit)]
    Ended(Ended),
}

/// Why a sandbox that was written down was not woken. Nothing is left of it but what was written.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// Its driver cannot do that at all.
    #[error("sandboxes of this driver cannot be woken")]
    Unsupported,
    /// It was written by another build of something that has to be the same: QEMU, kernel, image, … It can never be woken here.
    #[error("it was written by another build: {what}")]
    Mismatch {
        /// What differs, and how.
        what: String,
    },
    /// What was written is not whole. It can never be woken.
    #[error("what was written is damaged: {what}")]
    Damaged {
        /// Where.
        what: String,
    },
    /// The sandbox could not be made. Not one instruction of what was written down has run, so that it is as good as before, and a
    /// later try may succeed.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a sandbox was not frozen, or not thawed.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// There is no means to do it: the driver has none, or this host none that can be used.
    #[error("sandboxes cannot be frozen here: {why}")]
    Unsupported {
        /// Why not, and what the operator can do.
        why: String,
    },
    /// Some process of it did not come to rest in time. All of it runs on.
    #[error("the sandbox did not come to rest within {after:?}")]
    Late {
        /// How long was waited.
        after: std::time::Duration,
    },
    /// The kernel said no. The sandbox is as it was before.
    #[error("cannot {what}: {source}")]
    Failed {
        /// What was being done.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It has ended.
    #[error("the sandbox has ended")]
    Ended,
}

impl FreezeError {
    /// What a driver says that has no means.
    pub(crate) fn none() -> Self {
        Self::Unsupported { why: "this driver has no means for it".to_owned() }
    }
}
