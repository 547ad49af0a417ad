//! A key on its way into a header, kept out of everything that prints.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// An API key. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The key itself, without the line end it may have had in a file.
    pub(crate) fn reveal(&self) -> &str {
        self.0.trim()
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
