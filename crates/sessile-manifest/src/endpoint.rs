//! Where a server listens that speaks HTTP inside its sandbox.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// The Streamable HTTP endpoint of a server, seen from inside its sandbox: `http://127.0.0.1:PORT/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The port on which it listens, on any or all addresses.
    pub port: NonZeroU16,
    /// The path at which it serves MCP.
    pub path: EndpointPath,
}

/// The path of an endpoint: `/`, and visible ASCII characters without `?` and `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPath(String);

/// Text that is not the path of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnEndpointPath;

impl fmt::Display for NotAnEndpointPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not the path of an endpoint; write it with a slash in front, such as \"/mcp\", and without `?` and `#`",
        )
    }
}

impl std::error::Error for NotAnEndpointPath {}

impl EndpointPath {
    /// The path as it stands in a request.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EndpointPath {
    fn default() -> Self {
        Self("/mcp".to_owned())
    }
}

impl FromStr for EndpointPath {
    type Err = NotAnEndpointPath;

    fn from_str(text: &str) -> Result<Self, NotAnEndpointPath> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.bytes().all(plain);
        if is_path { Ok(Self(text.to_owned())) } else { Err(NotAnEndpointPath) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://127.0.0.1:{}{}", self.port, self.path.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_a_slash_and_has_no_query() {
        for good in ["/", "/mcp", "/v1/mcp/", "/a%20b"] {
            assert_eq!(good.parse::<EndpointPath>().unwrap().as_str(), good);
        }
        for bad in ["", "mcp", "/a b", "/mcp?x=1", "/mcp#x", "/m\u{fc}", "//host/mcp", "/a\nb", "http://h/mcp"] {
            assert_eq!(bad.parse::<EndpointPath>(), Err(NotAnEndpointPath), "{bad:?}");
        }
    }
}
