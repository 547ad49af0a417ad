//! How a header and a body can disagree.

use super::BadValue;

/// A header that does not say what the body says. Its text names the header and no value: those may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header mismatch: {header} {reason}")]
pub struct Mismatch {
    header: String,
    reason: Reason,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The body has the value, the headers do not.
    #[error("is missing")]
    Missing,
    /// The headers have a value, the body has none.
    #[error("is there, and the body has no such value")]
    Unexpected,
    /// The header is there more than once.
    #[error("is there more than once")]
    Doubled,
    /// The value cannot be read.
    #[error("{0}")]
    Bad(BadValue),
    /// The two differ.
    #[error("differs from the value in the body")]
    Different,
}

impl Mismatch {
    pub(super) fn new(header: impl Into<String>, reason: Reason) -> Self {
        Self { header: header.into(), reason }
    }

    /// What is wrong.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}
