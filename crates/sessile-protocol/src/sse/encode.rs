//! Events to bytes.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

/// Writes one event.
///
/// CR, LF and CRLF in `data` each end a line, so `data` arrives with every one of them as LF; JSON means the same
/// either way. Characters that would end a line or void the id are left out of `id` and `event`. Empty `data`
/// still makes an event.
pub fn encode(out: &mut BytesMut, id: Option<&str>, retry_ms: Option<u64>, event: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + 64);
    if let Some(id) = id {
        field(out, b"id: ", id);
    }
    if let Some(retry_ms) = retry_ms {
        field(out, b"retry: ", &retry_ms.to_string());
    }
    if let Some(event) = event {
        field(out, b"event: ", event);
    }
    let mut rest = data;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        let (line, tail) = rest.split_at(at);
        data_line(out, line);
        let ending = if tail.starts_with(b"\r\n") { 2 } else { 1 };
        rest = tail.get(ending..).unwrap_or_default();
    }
    data_line(out, rest);
    out.put_u8(b'\n');
}

/// Writes a comment line, which clients ignore and proxies take as a sign of life. Line ends in `text` are left out.
pub fn comment(out: &mut BytesMut, text: &str) {
    field(out, b": ", text);
    out.put_u8(b'\n');
}

fn data_line(out: &mut BytesMut, line: &[u8]) {
    out.put_slice(b"data: ");
    out.put_slice(line);
    out.put_u8(b'\n');
}

fn field(out: &mut BytesMut, name: &[u8], value: &str) {
    out.put_slice(name);
    for part in value.split(['\r', '\n', '\0']) {
        out.put_slice(part.as_bytes());
    }
    out.put_u8(b'\n');
}
