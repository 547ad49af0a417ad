//! Requests that do not say rightly where they begin or end.

use crate::body;
use crate::dice::Dice;
use crate::request::{self, Mutant};
use sessile_tests::Client;

/// Ways to disagree about the length of a body.
const LENGTHS: [&str; 14] = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5, 5",
    "Content-Length: -1",
    "Content-Length: 18446744073709551616",
    "Content-Length: 999999999999",
    "Content-Length: 0x10",
    "Content-Length: 1",
    "Content-Length: +7",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Content-Length:\r\n 12",
    "X: y",
];

/// Bodies that are no chunks, or nearly.
const CHUNKS: [&[u8]; 8] = [
    b"5\r\nhello\r\n0\r\n",
    b"ffffffffffffffff\r\nx",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"-1\r\n\r\n",
    b"5;ext=\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"zz\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n",
];

/// What is hardly a request at all.
const NOISE: [&[u8]; 12] = [
    b"\r\n\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /used/mcp\r\n\r\n",
    b"GET /used/mcp HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /used/mcp HTTP/1.0\r\n\r\n",
    b"GET http://evil.example.com/used/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /used/mcp HTTP/1.1\nHost: localhost\nContent-Length: 2\n\n{}",
    b"POST /used/mcp HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /used/mcp HTTP/1.1\r\nHost : localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

/// One such request. The connection is of no use afterwards.
pub(crate) fn mutant(dice: &mut Dice, client: &Client) -> Mutant {
    let mut bytes = match dice.below(4) {
        0 => dice.pick(&NOISE).to_vec(),
        1 => {
            let mut bytes = request::head(dice, client, "POST", "/used/mcp", false).into_bytes();
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            bytes.extend_from_slice(dice.pick(&CHUNKS));
            bytes
        }
        _ => {
            let mut bytes = request::head(dice, client, "POST", "/used/mcp", false).into_bytes();
            bytes.extend_from_slice(dice.pick(&LENGTHS).as_bytes());
            bytes.extend_from_slice(b"\r\n\r\n");
            bytes.extend_from_slice(&body::any(dice));
            bytes
        }
    };
    for _ in 0..dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(3) {
            0 => bytes[at] = dice.byte(),
            1 => bytes.truncate(at + 1),
            _ => bytes.insert(at, dice.byte()),
        }
    }
    let is_head = bytes.starts_with(b"HEAD ");
    Mutant { bytes, is_head, is_framed: false }
}
