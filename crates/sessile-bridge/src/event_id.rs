//! Event ids: which stream, and where in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stream of events for the client: one POST with requests, or one GET and those that resume it. Numbered in the
/// order they were opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct StreamId(pub(crate) u64);

/// The place of one event: unique in its session. Place 0 is before the first event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventId {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
}

impl EventId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, sequence) = text.split_once('-')?;
        Some(Self { stream: StreamId(number(stream)?), sequence: number(sequence)? })
    }
}

/// Digits only: `str::parse` would also take a sign.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream.0, self.sequence)
    }
}
