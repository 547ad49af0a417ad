//! A string that must not be seen.

use std::fmt;

/// Text whose `Debug` never shows it, for values that would otherwise reach a log with the struct
/// that holds them.
///
/// There is no `Display`: whoever needs the text calls [`Secret::reveal`], which is easy to find in a
/// review.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Not for logs, errors, traces or the ledger.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
