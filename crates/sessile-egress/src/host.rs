//! A host as a client names it, brought into the one form in which it is compared, resolved and dialled.
//!
//! Names are read as browsers read them (WHATWG URL: case, IDNA, numbers in decimal, octal, hexadecimal and short forms);
//! what two programs could read differently is refused: user names, percent signs, backslashes, control characters.

use std::fmt;
use std::net::IpAddr;

use crate::address::canonical;

/// The most bytes of a host: a name has at most 253 (RFC 1035), and one trailing dot.
pub(crate) const LONGEST_HOST: usize = 254;

/// A host in its one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name of DNS.
    Name(Name),
    /// An address; IPv4 in whatever notation, also mapped into IPv6, is IPv4 here.
    Address(IpAddr),
}

/// A DNS name in lower-case ASCII, without a trailing dot, of labels of letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a host cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is none.
    #[error("the host is empty")]
    Empty,
    /// Longer than a name can be.
    #[error("the host is longer than {LONGEST_HOST} bytes")]
    TooLong,
    /// `user@host`: some programs take the part before, some the part behind.
    #[error("the host has a user name in front of it; write the host alone")]
    UserName,
    /// Blanks, control characters, NUL, `%`, `\`, `/`, `?`, `#` and the like.
    #[error("the host has the character {0:?}, which no host has")]
    Character(char),
    /// Neither a name nor an address: empty or too long labels, bad IDNA, numbers that are no address.
    #[error("the host is neither a name nor an address")]
    Malformed,
}

impl Host {
    /// Reads a host, IPv6 in brackets.
    ///
    /// # Errors
    /// What two readers could read differently, and what is no host at all.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.contains('@') {
            return Err(HostError::UserName);
        }
        let foreign = |c: &char| c.is_control() || c.is_whitespace() || "%\\/?#\"'<>^`{|}!$&()*+,;=".contains(*c);
        if let Some(character) = text.chars().find(foreign) {
            return Err(HostError::Character(character));
        }
        match url::Host::parse(text).map_err(|_| HostError::Malformed)? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(canonical(address.into()))),
            url::Host::Domain(name) => Name::from_ascii(&name).map(Self::Name),
        }
    }
}

impl Name {
    /// Checks what the URL standard leaves to DNS. `text` is lower-case ASCII already.
    fn from_ascii(text: &str) -> Result<Self, HostError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if text.len() > LONGEST_HOST || name.len() >= LONGEST_HOST {
            return Err(HostError::TooLong);
        }
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letters);
        if name.split('.').all(is_label) { Ok(Self(name.to_owned())) } else { Err(HostError::Malformed) }
    }

    /// Lower-case ASCII, without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a name below `parent`, at any depth, and not `parent` itself.
    pub(crate) fn is_below(&self, parent: &Self) -> bool {
        self.0.strip_suffix(&parent.0).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for Host {
    /// IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(&name.0),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests;
