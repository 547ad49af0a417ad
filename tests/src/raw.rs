//! HTTP as bytes on a socket, for what no client library would send.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a socket may stay silent before it counts as hanging.
const SILENCE: Duration = Duration::from_secs(20);
/// The longest head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;

/// A socket, and what was read from it beyond the last answer.
#[derive(Debug)]
pub struct Raw {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct RawReply {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body. Of events, only what came at once: such a stream has no end.
    pub body: Vec<u8>,
    /// Whether the connection serves another request.
    pub keeps_alive: bool,
}

impl RawReply {
    /// A header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    /// The other side closed, before the first byte of an answer.
    Closed,
    /// Nothing came in time.
    Silent,
    /// What came is no HTTP.
    Malformed(String),
}

impl Raw {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::new() })
    }

    /// Sends bytes. `false` when the other side has closed.
    ///
    /// # Panics
    /// When the other side neither reads nor closes.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = tokio::time::timeout(SILENCE, self.socket.write_all(bytes)).await;
        sent.expect("the node neither reads nor closes").is_ok()
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        // Fails where the other side was faster.
        let _ = self.socket.shutdown().await;
    }

    /// Reads one answer. `to_head` is whether it answers a `HEAD`, and so has no body.
    ///
    /// # Errors
    /// When none comes.
    pub async fn reply(&mut self, to_head: bool) -> Result<RawReply, Broken> {
        loop {
            let reply = self.one_reply(to_head).await?;
            // 1xx are not the answer yet.
            if reply.status >= 200 {
                return Ok(reply);
            }
        }
    }

    async fn one_reply(&mut self, to_head: bool) -> Result<RawReply, Broken> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Err(Broken::Malformed("a head without end".into()));
            }
            if !self.fill().await? {
                return match self.buffer.is_empty() {
                    true => Err(Broken::Closed),
                    false => Err(Broken::Malformed(format!("closed within a head: {:?}", self.shown()))),
                };
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut reply = parse_head(&head)?;
        if to_head || reply.status < 200 || reply.status == 204 || reply.status == 304 {
            return Ok(reply);
        }
        if reply.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            let endless = reply.header("content-type").starts_with("text/event-stream");
            reply.keeps_alive &= !endless;
            if endless {
                return Ok(reply);
            }
            reply.body = self.chunked().await?;
            return Ok(reply);
        }
        match reply.header("content-length") {
            "" => reply.keeps_alive = false,
            length => {
                let length = length.parse().map_err(|_| Broken::Malformed(format!("content-length {length:?}")))?;
                reply.body = self.exactly(length).await?;
            }
        }
        Ok(reply)
    }

    async fn chunked(&mut self) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let at = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                if !self.fill().await? {
                    return Err(Broken::Malformed("closed within a chunked body".into()));
                }
            };
            let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
            let digits = String::from_utf8_lossy(&line).trim().to_owned();
            let size =
                usize::from_str_radix(&digits, 16).map_err(|_| Broken::Malformed(format!("chunk size {digits:?}")))?;
            let chunk = self.exactly(size + 2).await?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < length {
            if !self.fill().await? {
                return Err(Broken::Malformed(format!("closed {} bytes before the end", length - self.buffer.len())));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads more. `false` when the other side has closed.
    async fn fill(&mut self) -> Result<bool, Broken> {
        let mut piece = [0; 16 * 1024];
        match tokio::time::timeout(SILENCE, self.socket.read(&mut piece)).await {
            Err(_) => Err(Broken::Silent),
            Ok(Ok(0) | Err(_)) => Ok(false),
            Ok(Ok(read)) => {
                self.buffer.extend_from_slice(&piece[..read]);
                Ok(true)
            }
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.buffer).chars().take(200).collect()
    }
}

fn parse_head(head: &[u8]) -> Result<RawReply, Broken> {
    let text = std::str::from_utf8(head).map_err(|_| Broken::Malformed("a head that is no text".into()))?;
    let malformed = || Broken::Malformed(format!("head {text:?}"));
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().ok_or_else(malformed)?;
    let rest = first.strip_prefix("HTTP/1.").ok_or_else(malformed)?;
    let minor = rest.split(' ').next().unwrap_or_default();
    let status = rest.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut reply = RawReply { status, headers, body: Vec::new(), keeps_alive: minor == "1" };
    match reply.header("connection").to_ascii_lowercase().as_str() {
        "close" => reply.keeps_alive = false,
        "keep-alive" => reply.keeps_alive = true,
        _ => {}
    }
    Ok(reply)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
