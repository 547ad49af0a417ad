//! The head of a request to the gate, read in the only way it can be read. What two programs could read differently
//! (bare line feeds, folded lines, two lengths, …) is refused, since it is how requests are smuggled (RFC 9112, 11.2).

use crate::host::{Host, HostError};
use crate::target::{Target, TargetError, parse_port, split};

mod forwarded;
mod framing;

pub use framing::Body;
pub(crate) use framing::{body_of_response, is_list_with, tokens};

/// The most bytes of a head, with the empty line behind it.
pub const LONGEST_HEAD: usize = 16 << 10;
/// The most header lines.
const MOST_HEADERS: usize = 100;

/// A request whose head has exactly one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    method: String,
    /// What is asked for.
    pub form: Form,
    /// HTTP/1.1; otherwise 1.0.
    is_1_1: bool,
    headers: Vec<(String, Vec<u8>)>,
    host: Option<HostHeader>,
    /// What follows the head.
    pub body: Body,
}

/// The four forms of a request target (RFC 9112, 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `CONNECT host:port`.
    Connect(Target),
    /// `GET http://host:port/path`.
    Absolute {
        /// Port 80 where none is written.
        target: Target,
        /// Path and query; begins with `/`.
        path: String,
    },
    /// `GET /path`: meant for a server, not for a proxy.
    Origin {
        /// Path and query; begins with `/`, or is `*`.
        path: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HostHeader {
    host: Host,
    port: Option<u16>,
}

/// Why a request cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// More than [`LONGEST_HEAD`] bytes, or more than 100 lines.
    #[error("its head is longer than {LONGEST_HEAD} bytes or has more than {MOST_HEADERS} lines")]
    TooLong,
    /// A carriage return or a line feed without the other, or NUL.
    #[error("its head has a carriage return or a line feed alone, or a NUL")]
    BareLineEnd,
    /// Not a request line and header lines.
    #[error("its head is not one of HTTP/1.0 or HTTP/1.1")]
    Syntax,
    /// The target is none of the known forms.
    #[error("its target is neither `host:port` behind CONNECT nor begins with `http://`")]
    Form,
    /// The target is `/path`, which is for servers.
    #[error("it was sent to the gate as if the gate were a server")]
    NotForAProxy,
    /// The target is an `https://` URL.
    #[error("the gate speaks no TLS itself; use CONNECT")]
    WantsTls,
    /// The target has a host or a port that cannot be read.
    #[error("in its target, {0}")]
    Target(#[from] TargetError),
    /// `Host` is missing, there twice, or cannot be read.
    #[error("its `Host` is missing, there twice or unreadable")]
    Host,
    /// `Content-Length` and `Transfer-Encoding` leave open where the body ends.
    #[error("its `Content-Length` and `Transfer-Encoding` do not say clearly where the body ends")]
    Framing,
    /// The chunks of the body are malformed.
    #[error("the chunks of its body are malformed")]
    Chunks,
    /// The head did not come in time.
    #[error("its head did not come in time")]
    TooSlow,
}

impl From<HostError> for HeadError {
    fn from(error: HostError) -> Self {
        Self::Target(error.into())
    }
}

/// Where the head at the start of `bytes` ends, behind its empty line; `None` while it is not complete.
///
/// # Errors
/// What no longer head can mend: bare line ends, NUL, too many bytes.
pub fn head_end(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    end_of_head(bytes, LONGEST_HEAD)
}

/// The same with a bound of its own.
pub(crate) fn end_of_head(bytes: &[u8], longest: usize) -> Result<Option<usize>, HeadError> {
    let mut line_start = 0;
    for at in memchr::memchr3_iter(b'\r', b'\n', 0, bytes) {
        if at >= longest {
            break;
        }
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\r'), None) => {}
            (Some(b'\r'), Some(b'\n')) => {
                let end = at + 2;
                if line_start == at {
                    // An empty line in front of the request line: some servers skip it, some do not.
                    return if at == 0 { Err(HeadError::BareLineEnd) } else { Ok(Some(end)) };
                }
                line_start = end;
            }
            (Some(b'\n'), _) if at > 0 && bytes.get(at - 1) == Some(&b'\r') => {}
            _ => return Err(HeadError::BareLineEnd),
        }
    }
    if bytes.len() > longest { Err(HeadError::TooLong) } else { Ok(None) }
}

impl RequestHead {
    /// Reads one head, with its empty line and nothing behind it.
    ///
    /// # Errors
    /// What is not exactly one head, and what could be read in more than one way.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        if head_end(bytes)? != Some(bytes.len()) {
            return Err(HeadError::Syntax);
        }
        let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLong),
            _ => return Err(HeadError::Syntax),
        }
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(HeadError::Syntax);
        };
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
            return Err(HeadError::Form);
        }
        let is_1_1 = minor == 1;
        let headers: Vec<_> =
            request.headers.iter().map(|line| (line.name.to_ascii_lowercase(), line.value.to_vec())).collect();
        let form = Form::parse(method, target)?;
        let host = host_header(&headers, is_1_1)?;
        let body = framing::body_of_request(&headers, is_1_1)?;
        if matches!(form, Form::Connect(_)) && body != Body::Empty {
            return Err(HeadError::Framing);
        }
        Ok(Self { method: method.to_owned(), form, is_1_1, headers, host, body })
    }

    /// Whether `Host` names the host that is asked for, and no other port. One without a port is taken to mean the
    /// target's: programs leave it out behind CONNECT.
    pub fn host_agrees_with(&self, target: &Target) -> bool {
        self.host.as_ref().is_none_or(|own| own.host == target.host && own.port.is_none_or(|port| port == target.port))
    }

    /// Whether the answer has no body whatever its head says.
    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Whether the client speaks HTTP/1.1, and so knows chunks.
    pub(crate) fn is_1_1(&self) -> bool {
        self.is_1_1
    }

    /// Whether another request may follow on the same connection.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.is_1_1
            && !is_list_with(&self.headers, "connection", "close")
            && !is_list_with(&self.headers, "proxy-connection", "close")
    }
}

impl Form {
    fn parse(method: &str, target: &str) -> Result<Self, HeadError> {
        if method == "CONNECT" {
            return Ok(Self::Connect(Target::parse(target, None)?));
        }
        if target.starts_with('/') || target == "*" {
            return Ok(Self::Origin { path: target.to_owned() });
        }
        let Some((scheme, rest)) = target.split_once("://") else { return Err(HeadError::Form) };
        if scheme.eq_ignore_ascii_case("https") {
            return Err(HeadError::WantsTls);
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(HeadError::Form);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self::Absolute { target: Target::parse(authority, Some(80))?, path })
    }
}

fn host_header(headers: &[(String, Vec<u8>)], required: bool) -> Result<Option<HostHeader>, HeadError> {
    let mut lines = headers.iter().filter(|(name, _)| name == "host");
    let Some((_, value)) = lines.next() else {
        return if required { Err(HeadError::Host) } else { Ok(None) };
    };
    if lines.next().is_some() {
        return Err(HeadError::Host);
    }
    let text = str::from_utf8(value).ok().filter(|text| text.is_ascii()).ok_or(HeadError::Host)?;
    let (host, port) = split(text).map_err(|_| HeadError::Host)?;
    let port = port.map(parse_port).transpose().map_err(|_| HeadError::Host)?;
    Ok(Some(HostHeader { host: Host::parse(host).map_err(|_| HeadError::Host)?, port }))
}

#[cfg(test)]
mod tests;
