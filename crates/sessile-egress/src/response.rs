//! The head of a server's answer, read as strictly as that of a request.

use tokio::io::AsyncRead;

use crate::head::{Body, body_of_response, end_of_head, is_list_with, tokens};
use crate::inlet::Inlet;

/// The most bytes of an answer's head.
const LONGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 200;

/// Between two neighbours only.
const NOT_SENT_ON: [&str; 5] = ["connection", "keep-alive", "proxy-authenticate", "proxy-connection", "upgrade"];

/// An answer whose head has exactly one meaning.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    reason: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Body,
}

/// The answer cannot be read, or ended too early.
#[derive(Debug)]
pub(crate) struct BadAnswer;

impl ResponseHead {
    /// Reads the next head of an answer.
    pub(crate) async fn receive<R>(inlet: &mut Inlet<R>, to_head: bool) -> Result<Self, BadAnswer>
    where
        R: AsyncRead + Unpin,
    {
        loop {
            if let Some(end) = end_of_head(inlet.bytes(), LONGEST_HEAD).map_err(|_| BadAnswer)? {
                let head = Self::parse(inlet.bytes().get(..end).unwrap_or_default(), to_head);
                inlet.advance(end);
                return head;
            }
            if inlet.fill().await.map_err(|_| BadAnswer)? == 0 {
                return Err(BadAnswer);
            }
        }
    }

    fn parse(bytes: &[u8], to_head: bool) -> Result<Self, BadAnswer> {
        let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut lines);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
            _ => return Err(BadAnswer),
        }
        let status = response.code.ok_or(BadAnswer)?;
        let reason = response.reason.unwrap_or_default().to_owned();
        let headers: Vec<_> =
            response.headers.iter().map(|line| (line.name.to_ascii_lowercase(), line.value.to_vec())).collect();
        let body = body_of_response(&headers, status, to_head).map_err(|_| BadAnswer)?;
        Ok(Self { status, reason, headers, body })
    }

    /// An answer before the answer, such as 100. 101 is none that may come: nothing asks for it.
    pub(crate) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    /// The head for the client, who is told whether the connection stays.
    pub(crate) fn forwarded(&self, keeps_alive: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).into_bytes();
        let framing = |name: &str| name == "content-length" || name == "transfer-encoding";
        let named: Vec<&[u8]> = tokens(&self.headers, "connection").collect();
        for (name, value) in &self.headers {
            let is_named = !framing(name) && named.iter().any(|own| own.eq_ignore_ascii_case(name.as_bytes()));
            if is_named || NOT_SENT_ON.contains(&name.as_str()) {
                continue;
            }
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        if !self.is_interim() && !keeps_alive {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    pub(crate) fn is_chunked(&self) -> bool {
        is_list_with(&self.headers, "transfer-encoding", "chunked")
    }
}
