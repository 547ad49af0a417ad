//! The two names of a session: one that opens it, one that may be shown.

use std::fmt;

/// Random bytes in a session id: 160 bits, over the 128 that the design asks for.
const ID_BYTES: usize = 20;
/// Random bytes in a session's public name: enough to be unique on one node.
const NAME_BYTES: usize = 6;

/// What a client presents to reach its session (`Mcp-Session-Id`).
///
/// It is never logged: `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// A fresh, unguessable id.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(random_hex::<ID_BYTES>()?.into()))
    }

    /// The id as a client sent it. Any text is accepted; only a minted one will ever be found.
    #[must_use]
    pub fn from_client(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that goes into the `Mcp-Session-Id` header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// The public name of a session in logs, listings and sandboxes. Knowing it opens nothing.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SessionName(Box<str>);

impl SessionName {
    /// A fresh name.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("s-{}", random_hex::<NAME_BYTES>()?).into()))
    }

    /// A name that was given before.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random_hex<const N: usize>() -> Result<String, getrandom::Error> {
    use fmt::Write as _;
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * N);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
