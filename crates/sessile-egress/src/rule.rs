//! One entry of the list: a name, the names below one, a network or an address, or anything public; and a port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::address::{block, canonical, carried, same_prefix};
use crate::host::{Host, Name};
use crate::target::{TargetError, parse_port, split};

/// One entry, as in `api.example.com:443`, `*.example.com:443`, `10.0.0.0/8:5432`, `[fd00::/8]:443`, `127.0.0.1:*`, `*:443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(crate) pattern: Pattern,
    /// `None` is every port.
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// This name alone.
    Name(Name),
    /// Every name below, at any depth; not the name itself.
    Below(Name),
    /// Every address of a network, asked for as an address; and what listed names may resolve to.
    Network(Network),
    /// Every name, and every public address.
    Anything,
}

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Why an entry cannot be read, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` {problem}")]
pub struct RuleError {
    entry: String,
    problem: String,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(entry: &str) -> Result<Self, RuleError> {
        parse(entry).map_err(|problem| RuleError { entry: entry.escape_debug().collect(), problem })
    }
}

impl RuleError {
    pub(crate) fn too_many(given: usize, most: usize) -> Self {
        Self { entry: "allow".to_owned(), problem: format!("has {given} entries; {most} are the most") }
    }
}

impl Rule {
    pub(crate) fn is_for_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

fn parse(entry: &str) -> Result<Rule, String> {
    if entry.contains("://") {
        return Err("is a URL; write host and port alone, as in `api.example.com:443`".to_owned());
    }
    let (host, port) = split(entry).map_err(|error| match error {
        TargetError::Brackets => {
            "is not clear about its port: an IPv6 address goes into brackets, as in `[::1]:443`".into()
        }
        other => format!("cannot be read: {other}"),
    })?;
    let port = match port {
        None => return Err(format!("names no port; write `{host}:443`, or `{host}:*` for every port")),
        Some("*") => None,
        Some(port) => Some(parse_port(port).map_err(|_| "has no port from 1 to 65535, nor `*`, behind the colon")?),
    };
    Ok(Rule { pattern: parse_pattern(host)?, port })
}

fn parse_pattern(host: &str) -> Result<Pattern, String> {
    if host == "*" {
        return Ok(Pattern::Anything);
    }
    if let Some(parent) = host.strip_prefix("*.") {
        return match Host::parse(parent) {
            Ok(Host::Name(name)) => Ok(Pattern::Below(name)),
            _ => Err("has no name behind `*.`; write it as in `*.example.com:443`".to_owned()),
        };
    }
    if host.contains('*') {
        return Err("has `*` in a place other than the first label; write it as in `*.example.com:443`".to_owned());
    }
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if inner.contains('/') {
        return Network::parse(inner).map(Pattern::Network);
    }
    match Host::parse(host).map_err(|error| format!("cannot be read: {error}"))? {
        Host::Name(name) => Ok(Pattern::Name(name)),
        Host::Address(address) if inner.parse::<IpAddr>().is_err() => {
            Err(format!("is a way to write the address {address}; write it as `{}:PORT`", Host::Address(address)))
        }
        Host::Address(_) => Network::parse(inner).map(Pattern::Network),
    }
}

impl Network {
    /// `10.0.0.0/8`, or one address.
    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| "is no network; write it as in `10.0.0.0/8:443`".to_owned())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let plain =
            |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        let prefix = match prefix {
            None => width,
            Some(text) => Some(text)
                .filter(plain)
                .and_then(|text| text.parse().ok())
                .filter(|prefix| *prefix <= width)
                .ok_or_else(|| format!("has no number from 0 to {width} behind `/`"))?,
        };
        if let IpAddr::V6(v6) = base {
            let mapped = canonical(base);
            let inside =
                if mapped.is_ipv4() { vec![mapped] } else { carried(v6).into_iter().map(IpAddr::V4).collect() };
            if let Some(v4) = inside.first().filter(|_| prefix > 0) {
                return Err(format!("carries an IPv4 address; list that one, as in `{v4}:PORT`"));
            }
        }
        let network = Self { base, prefix };
        let first = network.first();
        if first == base {
            Ok(network)
        } else {
            Err(format!("has bits set behind its prefix; write `{first}/{prefix}`, or one address without `/`"))
        }
    }

    fn first(self) -> IpAddr {
        match self.base {
            IpAddr::V4(base) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((base.to_bits() & kept).into())
            }
            IpAddr::V6(base) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((base.to_bits() & kept).into())
            }
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(other)) => {
                same_prefix(base.to_bits().into(), other.to_bits().into(), self.prefix + 96)
            }
            (IpAddr::V6(base), IpAddr::V6(other)) => same_prefix(base.to_bits(), other.to_bits(), self.prefix),
            _ => false,
        }
    }

    /// Whether this network is a listing of `address`. One that reaches beyond the special-purpose block of an address
    /// (`0.0.0.0/0`, say) was not written with that block in mind and does not open it.
    pub(crate) fn lists(self, address: IpAddr) -> bool {
        self.contains(address) && block(address).is_none_or(|(_, prefix)| self.prefix >= prefix)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Name(name) => f.write_str(name.as_str())?,
            Pattern::Below(name) => write!(f, "*.{}", name.as_str())?,
            Pattern::Network(network) => network.fmt(f)?,
            Pattern::Anything => f.write_str("*")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.base, self.prefix) {
            (IpAddr::V4(base), 32) => write!(f, "{base}"),
            (IpAddr::V4(base), prefix) => write!(f, "{base}/{prefix}"),
            (IpAddr::V6(base), 128) => write!(f, "[{base}]"),
            (IpAddr::V6(base), prefix) => write!(f, "[{base}/{prefix}]"),
        }
    }
}

#[cfg(test)]
mod tests;
