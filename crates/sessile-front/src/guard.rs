//! What stands in front of everything: is this a request for us (`Host`, `Origin`), and whose is it?

use crate::answer::Wrong;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};
use sessile_identity::{Door, Principal};
use std::net::SocketAddr;

/// Which names a listener answers to, so that no web page can reach it through a name of its own (DNS
/// rebinding).
#[derive(Clone, Debug)]
pub struct Hosts {
    loopback: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// For a listener at `address`: a loopback one answers to loopback names and to `hosts`; another one to
    /// `hosts`, or to any name when there are none. `origins` are further web origins that may call.
    #[must_use]
    pub fn new(address: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { loopback: address.ip().to_canonical().is_loopback(), hosts: lower(hosts), origins: lower(origins) }
    }

    /// Checks `Host` (or the authority of an absolute-form target) and `Origin`.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Wrong> {
        let mut named = headers.get_all(HOST).iter();
        let host = match (uri.authority(), named.next()) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => text(host),
            (None, None) => "",
        };
        if named.next().is_some() || !self.serves(host) {
            return Err(Wrong::Host(host.to_owned()));
        }
        match headers.get(ORIGIN).map(text) {
            None => Ok(()),
            Some(origin) if self.is_allowed_origin(origin, host) => Ok(()),
            Some(origin) => Err(Wrong::Origin(origin.to_owned())),
        }
    }

    fn serves(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        self.hosts.iter().any(|known| *known == host || known == name)
            || (self.loopback && is_loopback_name(name))
            || (!self.loopback && self.hosts.is_empty() && !name.is_empty())
    }

    /// A page may call when it was served by a name we answer to, or is listed.
    pub(crate) fn is_allowed_origin(&self, origin: &str, host: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let Some((_, authority)) = origin.split_once("://") else { return false };
        if self.loopback {
            return self.serves(authority);
        }
        authority == host.to_ascii_lowercase()
    }
}

/// Finds out who calls.
pub(crate) fn admit(door: &Door, headers: &HeaderMap, peer: SocketAddr) -> Result<Principal, Wrong> {
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    door.admit(authorization, is_loopback(peer)).map_err(|refused| Wrong::Unauthenticated {
        challenge: refused.www_authenticate().to_owned(),
        message: refused.to_string(),
    })
}

/// Whether a caller is on this machine.
pub(crate) fn is_loopback(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("\u{fffd}")
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        hosts.check(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn a_loopback_listener_answers_to_loopback_names_only() {
        let hosts = Hosts::new("127.0.0.1:8300".parse().unwrap(), &[], &[]);
        for good in ["localhost", "localhost:8300", "127.0.0.1:1", "[::1]:8300", "LOCALHOST"] {
            assert!(check(&hosts, good, None), "{good}");
            assert!(check(&hosts, good, Some(&format!("http://{good}"))), "{good}");
        }
        for bad in ["evil.example.com", "localhost.evil.com", "127.0.0.1.nip.io", "", "8.8.8.8", "[::2]"] {
            assert!(!check(&hosts, bad, None), "{bad}");
            assert!(!check(&hosts, "localhost", Some(&format!("http://{bad}"))), "{bad}");
        }
        assert!(!check(&hosts, "localhost", Some("null")));
    }

    #[test]
    fn listed_names_and_origins_are_let_in() {
        let hosts = Hosts::new(
            "0.0.0.0:8300".parse().unwrap(),
            &["mcp.example.org".into()],
            &["https://app.example.org".into()],
        );
        assert!(check(&hosts, "mcp.example.org:8300", Some("https://app.example.org")));
        assert!(!check(&hosts, "mcp.example.org", Some("https://evil.example.org")));
        assert!(!check(&hosts, "other.example.org", None));
    }

    #[test]
    fn two_host_headers_are_refused() {
        let hosts = Hosts::new("127.0.0.1:8300".parse().unwrap(), &[], &[]);
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost"));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert!(hosts.check(&Uri::from_static("/mcp"), &headers).is_err());
    }
}
