//! Requests whose framing is right, and nothing else need be.

use crate::body;
use crate::dice::Dice;
use sessile_tests::Client;

/// A request as bytes.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// What is sent.
    pub(crate) bytes: Vec<u8>,
    /// Whether the answer has no body.
    pub(crate) is_head: bool,
    /// Whether it says rightly where it ends, so that it must be answered, and another may follow.
    pub(crate) is_framed: bool,
}

impl Mutant {
    /// The beginning of it, for messages.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().take(1500).collect()
    }
}

const PATHS: [&str; 18] = [
    "/used/mcp",
    "/used/mcp?x=1",
    "/used/mcp/",
    "/mcp",
    "/",
    "/used",
    "/used/sse",
    "/opened/mcp",
    "/nobody/mcp",
    "//used/mcp",
    "/used/../used/mcp",
    "/%75sed/mcp",
    "/used%2fmcp",
    "/\u{fc}/mcp",
    "/healthz",
    "/readyz",
    "/admin/v1/sessions",
    "*",
];
const METHODS: [&str; 11] =
    ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "post", "PROPFIND", "X"];
const ACCEPTS: [&str; 8] = [
    "",
    "*/*",
    "application/json",
    "text/event-stream",
    "text/html",
    "application/json;q=0, text/event-stream",
    ",,;;q=",
    "application/json, text/event-stream;q=0.000",
];
const KINDS: [&str; 7] = [
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "APPLICATION/JSON",
    "application/json, text/plain",
    "application/x-json",
    ";",
];
const VERSIONS: [&str; 8] =
    ["", "2024-11-05", "2025-03-26", "2025-06-18", "2026-07-28", "latest", "2025-11-25 ", "\u{fffd}"];
const EVENT_IDS: [&str; 10] = [
    "",
    "1-0",
    "1-1",
    "2-999999999",
    "0-0",
    "-",
    "18446744073709551615-18446744073709551615",
    "99999999999999999999-1",
    "a-b",
    "\u{2603}",
];
const ORIGINS: [&str; 7] = [
    "null",
    "http://localhost",
    "https://evil.example.com",
    "http://127.0.0.1:1",
    "http://",
    "file:///etc/passwd",
    "http://[::1]:99999",
];
const OTHERS: [&str; 12] = [
    "Expect: 100-continue",
    "Connection: keep-alive, x",
    "Upgrade: websocket",
    "Authorization: Bearer x",
    "Cookie: a=b; c",
    "X-Forwarded-For: 127.0.0.1",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "Content-Encoding: gzip",
    "TE: trailers",
    "Accept-Encoding: br, *;q=0",
    "Via: 1.1 x",
];

/// A request, with what `client` would send where chance leaves it alone.
pub(crate) fn mutant(dice: &mut Dice, client: &Client) -> Mutant {
    let opens = dice.one_in(300);
    let mut method = if opens || !dice.one_in(8) { "POST" } else { dice.pick(&METHODS) };
    // These end a session or a connection, so that what follows would say little.
    if matches!(method, "GET" | "DELETE") && !dice.one_in(10) {
        method = "POST";
    }
    let path = match (opens, dice.one_in(10)) {
        (true, _) => "/opened/mcp",
        (false, true) => dice.pick(&PATHS),
        (false, false) => "/used/mcp",
    };
    let body = if opens { body::changed(dice, body::INITIALIZE.as_bytes()) } else { body::any(dice) };
    let mut head = head(dice, client, method, path, opens);
    let mut bytes;
    if dice.one_in(5) {
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
        bytes = head.into_bytes();
        chunked(dice, &body, &mut bytes);
    } else {
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        bytes = head.into_bytes();
        bytes.extend_from_slice(&body);
    }
    Mutant { bytes, is_head: method == "HEAD", is_framed: true }
}

/// The head, but for what says how long the body is.
pub(crate) fn head(dice: &mut Dice, client: &Client, method: &str, path: &str, opens: bool) -> String {
    let host = match dice.below(40) {
        0 => "evil.example.com".to_owned(),
        1 => String::new(),
        2 => "localhost:0:0".to_owned(),
        _ => client.endpoint.address.to_string(),
    };
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
    if !opens || dice.one_in(10) {
        match dice.below(20) {
            0 => {}
            1 => line("Mcp-Session-Id", ""),
            2 => line("Mcp-Session-Id", &client.session[..39]),
            3 => line("Mcp-Session-Id", &"9".repeat(1 + dice.below(5000))),
            4 => line("MCP-SESSION-ID", &client.session.to_uppercase()),
            _ => line("Mcp-Session-Id", &client.session),
        }
    }
    line("Content-Type", if dice.one_in(15) { dice.pick(&KINDS) } else { "application/json" });
    line("Accept", if dice.one_in(15) { dice.pick(&ACCEPTS) } else { "application/json, text/event-stream" });
    if !dice.one_in(10) {
        line("MCP-Protocol-Version", if dice.one_in(15) { dice.pick(&VERSIONS) } else { "2025-11-25" });
    }
    if dice.one_in(10) || method == "GET" {
        line("Last-Event-ID", dice.pick(&EVENT_IDS));
    }
    if dice.one_in(25) {
        line("Origin", dice.pick(&ORIGINS));
    }
    for _ in 0..dice.below(3) {
        let (name, value) = dice.pick(&OTHERS).split_once(": ").unwrap_or_default();
        line(name, value);
    }
    if dice.one_in(60) {
        for number in 0..dice.below(120) {
            line(&format!("X-{number}"), "v");
        }
    }
    if dice.one_in(150) {
        line("X-Long", &"l".repeat(100 * 1024));
    }
    head
}

/// A body in pieces, with extensions and trailers as they may be.
fn chunked(dice: &mut Dice, body: &[u8], out: &mut Vec<u8>) {
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + dice.below(100)).max(rest.len() / 20).min(rest.len()));
        let extension = if dice.one_in(10) { ";name=\"value\"" } else { "" };
        out.extend_from_slice(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
    out.extend_from_slice(if dice.one_in(10) { b"0\r\nX-Trailer: t\r\n\r\n" } else { b"0\r\n\r\n" });
}
