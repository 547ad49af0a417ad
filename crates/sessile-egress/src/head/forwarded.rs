//! The head as the gate sends it on: written anew from what was checked, so that nothing else gets through.

use super::{Body, RequestHead, tokens};
use crate::target::Target;

/// Between two neighbours only (RFC 9110, 7.6.1), or written anew. Without `Upgrade` no connection becomes something that
/// the gate cannot follow (h2c, WebSocket); over TLS both work.
const NOT_SENT_ON: [&str; 12] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl RequestHead {
    /// The head for the server at `target`. With `last`, the server is asked to close behind its answer.
    pub(crate) fn forwarded(&self, target: &Target, path: &str, last: bool) -> Vec<u8> {
        let named: Vec<&[u8]> = tokens(&self.headers, "connection").collect();
        // A client of HTTP/1.0 could not read an answer in chunks.
        let version = if self.is_1_1 { "1.1" } else { "1.0" };
        let mut head = format!("{} {path} HTTP/{version}\r\nHost: {}\r\n", self.method, host_of(target)).into_bytes();
        for (name, value) in &self.headers {
            let is_named = named.iter().any(|own| own.eq_ignore_ascii_case(name.as_bytes()));
            if is_named || NOT_SENT_ON.contains(&name.as_str()) {
                continue;
            }
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        match self.body {
            Body::Length(length) => head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
            Body::Chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // Without it, a server may wait for the body of a POST that has none.
            Body::Empty if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") => {
                head.extend_from_slice(b"content-length: 0\r\n");
            }
            Body::Empty | Body::UntilEnd => {}
        }
        if last {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Without the port that every program leaves out.
fn host_of(target: &Target) -> String {
    if target.port == 80 { target.host.to_string() } else { target.to_string() }
}
