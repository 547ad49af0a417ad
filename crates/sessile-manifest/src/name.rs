//! Names of servers. They appear in URLs, log lines, metric labels and directory names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const LONGEST: usize = 63;

/// The name of a server: 1 to 63 characters of `a-z 0-9 _ -`, the first a letter or digit.
///
/// Cloning costs one reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String", inline, extend("x-value" = "server name"))]
pub struct ServerName(Arc<str>);

/// Text that cannot name a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAServerName;

impl fmt::Display for NotAServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a server name; use 1 to {LONGEST} characters of a-z 0-9 _ -, the first a letter or digit")
    }
}

impl std::error::Error for NotAServerName {}

impl ServerName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that is most like `text`: lower case, every run of other characters a `-`, cut to
    /// length; `server` if nothing remains. Always the same for the same text.
    pub fn slug(text: &str) -> Self {
        let mut slug = String::new();
        for c in text.chars().map(|c| c.to_ascii_lowercase()) {
            if slug.len() == LONGEST {
                break;
            }
            let kept = c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if kept && !(slug.is_empty() && c == '_') {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { "server" } else { slug }.into())
    }

    /// This name with `-number` behind it, shortened where that would be too long.
    pub(crate) fn numbered(&self, number: usize) -> Self {
        let end = format!("-{number}");
        let start: String = self.0.chars().take(LONGEST.saturating_sub(end.len())).collect();
        Self(format!("{start}{end}").into())
    }
}

impl FromStr for ServerName {
    type Err = NotAServerName;

    fn from_str(text: &str) -> Result<Self, NotAServerName> {
        let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let rest = |b: u8| first(&b) || matches!(b, b'_' | b'-');
        let valid = text.len() <= LONGEST && text.as_bytes().first().is_some_and(first) && text.bytes().all(rest);
        if valid { Ok(Self(text.into())) } else { Err(NotAServerName) }
    }
}

impl TryFrom<String> for ServerName {
    type Error = NotAServerName;

    fn try_from(text: String) -> Result<Self, NotAServerName> {
        text.parse()
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests;
