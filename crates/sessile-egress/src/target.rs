//! A host and a port: what a client asks for.

use std::fmt;

use crate::host::{Host, HostError};

/// A host and a port in their one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Where to.
    pub host: Host,
    /// From 1.
    pub port: u16,
}

/// Why `host:port` cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The part before the port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Missing where it has to be, empty, zero, above 65535, signed, or with leading zeros.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// `::1:80`: which part is the port?
    #[error("an IPv6 address goes into brackets, as in `[::1]:80`")]
    Brackets,
}

impl Target {
    /// Reads `host:port`; the port may be missing only where there is a default for it.
    ///
    /// # Errors
    /// What is no host, or no port.
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, TargetError> {
        let (host, port) = split(text)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None => default_port.ok_or(TargetError::Port)?,
        };
        Ok(Self { host: Host::parse(host)?, port })
    }
}

/// The host and, behind a colon, the port as they are written.
pub(crate) fn split(text: &str) -> Result<(&str, Option<&str>), TargetError> {
    let host_end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or(TargetError::Brackets)? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(host_end);
    match rest.strip_prefix(':') {
        // Says what is wrong with `user:word@host`, too.
        _ if text.contains('@') => Err(HostError::UserName.into()),
        Some(port) if port.contains(':') => Err(TargetError::Brackets),
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(TargetError::Host(HostError::Malformed)),
    }
}

/// Digits without sign and leading zeros.
pub(crate) fn parse_port(text: &str) -> Result<u16, TargetError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().map_err(|_| TargetError::Port) } else { Err(TargetError::Port) }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
