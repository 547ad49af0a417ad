//! What the bridge needs and cannot make by itself, as it has neither keys nor randomness.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A call of a session, for as long as the session lives. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// What a request state must bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateOf<'a> {
    /// The call that waits.
    pub call: CallId,
    /// Which of the call's questions it leads back to: each state is good for one retry.
    pub generation: u32,
    /// The method of the call.
    pub method: &'a str,
    /// [`Mint::digest`] of what is [`salient`](crate::salient) in the call.
    pub digest: [u8; 32],
    /// How long it can be used.
    pub valid_for: Duration,
    /// A modern server's own request state, which goes back to it.
    pub inner: Option<&'a str>,
}

/// Makes what must be unguessable.
pub trait Mint: fmt::Debug + Send {
    /// SHA-256. Not of randomness, but of cryptography, which the bridge leaves to its owner too.
    fn digest(&self, text: &str) -> [u8; 32];

    /// A sealed request state. `None` when there is no randomness.
    fn request_state(&self, state: &StateOf<'_>) -> Option<String>;

    /// An id for a new task. `None` when there is no randomness.
    fn task_id(&self) -> Option<String>;

    /// The time of day as RFC 3339 writes it, in UTC.
    fn timestamp(&self) -> String;
}

/// For a bridge that was read from a record and has not been given its own yet.
pub(crate) fn none() -> Box<dyn Mint> {
    Box::new(NoMint)
}

/// Makes nothing.
#[derive(Debug)]
struct NoMint;

impl Mint for NoMint {
    fn digest(&self, _text: &str) -> [u8; 32] {
        [0; 32]
    }

    fn request_state(&self, _state: &StateOf<'_>) -> Option<String> {
        None
    }

    fn task_id(&self) -> Option<String> {
        None
    }

    fn timestamp(&self) -> String {
        String::new()
    }
}
