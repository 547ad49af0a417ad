//! Connections to the server, kept while they are of use.

use super::fault::Fault;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sessile_sandbox::PortInside;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// Connections that wait for a next request.
const IDLE: usize = 4;

/// How long one waits. Servers close theirs after 2 s and more; a request that is on its way then may not be sent again.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// How long a connection may take to notice that its last answer is over.
const BREATH: Duration = Duration::from_millis(10);

/// Bytes of a head, or of a body that is not read yet, that one connection holds.
const BUFFER: usize = 64 * 1024;

/// The way to one server.
#[derive(Debug)]
pub(super) struct Wires {
    port: PortInside,
    /// Whether the sandbox is being written down.
    rests: watch::Receiver<bool>,
    idle: Mutex<Vec<(Wire, Instant)>>,
}

/// One connection. It is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// An answer that is coming in.
#[derive(Debug)]
pub(super) struct Answer {
    wire: Wire,
    pub(super) head: http::response::Parts,
    body: Incoming,
    /// Whether the body was read to its end.
    is_over: bool,
}

impl Wires {
    pub(super) fn new(port: PortInside, rests: watch::Receiver<bool>) -> Self {
        Self { port, rests, idle: Mutex::default() }
    }

    /// Waits until there is a server to connect to.
    pub(super) async fn awake(&self) {
        // Without its peer nobody asks.
        let _ = self.rests.clone().wait_for(|rests| !rests).await;
    }

    /// Sends a request and waits for the head of its answer. It is sent once: only one that certainly did not leave is tried on
    /// another connection.
    pub(super) async fn send(&self, head: &Request<()>, body: Bytes) -> Result<Answer, Fault> {
        while let Some(mut wire) = self.take() {
            let ready = timeout(BREATH, wire.sender.ready()).await;
            if !ready.is_ok_and(|ready| ready.is_ok()) {
                continue;
            }
            match wire.sender.try_send_request(request(head, body.clone())).await {
                Ok(response) => return Ok(Answer::new(wire, response)),
                Err(mut error) => {
                    if error.take_message().is_none() {
                        return Err(Fault::Broken(in_words(error.error())));
                    }
                }
            }
        }
        self.open().await?.send(head, body).await
    }

    /// A new connection.
    pub(super) async fn open(&self) -> Result<Wire, Fault> {
        self.awake().await;
        let stream = self.port.connect().await.map_err(|error| {
            let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
            let why = format!("nothing listens on port {}", self.port.number());
            Fault::NotConnected(if refused { why } else { error.to_string() })
        })?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Fault::Broken(in_words(&error)))?;
        let driver = tokio::spawn(async move {
            // How it ended shows in the answers.
            let _ = connection.await;
        });
        Ok(Wire { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// A connection that may be as good as new, the youngest first.
    fn take(&self) -> Option<Wire> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(wire, since)| !wire.sender.is_closed() && since.elapsed() < IDLE_TIME);
        idle.pop().map(|(wire, _)| wire)
    }

    /// Keeps the connection of an answer, if that was read to its end.
    pub(super) fn keep(&self, answer: Answer) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_TIME);
        if answer.is_over && idle.len() < IDLE && !answer.wire.sender.is_closed() {
            idle.push((answer.wire, Instant::now()));
        }
    }
}

impl Wire {
    /// Sends a request on a connection that is new, and waits for the head of its answer.
    pub(super) async fn send(mut self, head: &Request<()>, body: Bytes) -> Result<Answer, Fault> {
        match self.sender.send_request(request(head, body)).await {
            Ok(response) => Ok(Answer::new(self, response)),
            Err(error) => Err(Fault::Broken(in_words(&error))),
        }
    }
}

fn request(head: &Request<()>, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    request.method_mut().clone_from(head.method());
    request.uri_mut().clone_from(head.uri());
    request.headers_mut().clone_from(head.headers());
    request
}

impl Answer {
    fn new(wire: Wire, response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self { wire, head, body, is_over: false }
    }

    /// The media type of the content, in lower case; empty where none is said.
    pub(super) fn content_type(&self) -> String {
        let value = self.head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.map(sessile_protocol::headers::media_type).unwrap_or_default().to_ascii_lowercase()
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            return match self.body.frame().await {
                None => {
                    self.is_over = true;
                    Ok(None)
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Ok(Some(data)),
                    Err(_) => continue, // trailers
                },
                Some(Err(error)) => Err(Fault::Broken(in_words(&error))),
            };
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it has more than `limit` bytes, or breaks off.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() + piece.len() > limit {
                return Err(Fault::TooLarge { limit });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// An error with what caused it.
fn in_words(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
