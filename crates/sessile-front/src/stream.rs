//! A session's stream as server-sent events.

use bytes::{Bytes, BytesMut};
use sessile_bridge::Pull;
use sessile_protocol::sse;
use sessile_runtime::Listening;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How often an idle stream says that it is alive, so that no proxy gives up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A comment line: ignored by every client, seen by every proxy.
pub(crate) const KEEP_ALIVE_COMMENT: &[u8] = b": keep-alive\n\n";
/// Events are joined into one write up to this many bytes.
const JOIN: usize = 16 * 1024;

/// Whether a client can come back for the rest of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumption {
    /// With `Last-Event-ID` (legacy era).
    Possible,
    /// The end of the connection is the end of the request (modern era).
    Never,
}

/// The body of an SSE response. Dropping it tells the session that the connection is gone.
#[derive(Debug)]
pub(crate) struct EventStream {
    exchange: Listening,
    resumption: Resumption,
    pending: BytesMut,
    quiet: Pin<Box<Sleep>>,
    /// When the connection is closed although the stream goes on, and the client comes back (SEP-1699).
    poll_at: Option<Instant>,
    over: bool,
}

impl EventStream {
    /// Events from `exchange`, after `first` (a keep-alive comment, or nothing).
    pub(crate) fn new(exchange: Listening, resumption: Resumption, first: BytesMut) -> Self {
        let quiet = Box::pin(tokio::time::sleep(KEEP_ALIVE));
        let mut stream = Self { exchange, resumption, pending: first, quiet, poll_at: None, over: false };
        stream.begins();
        stream.wait_again();
        stream
    }

    /// From now on, its client has had its connection for long enough some time.
    fn begins(&mut self) {
        if let Listening::Now(exchange) = &self.exchange {
            let timeout = exchange.session().stream_timeout().filter(|_| self.resumption == Resumption::Possible);
            self.poll_at = timeout.map(|timeout| Instant::now() + timeout);
        }
    }

    /// What comes next; of a session that sleeps, nothing until it runs.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<Pull> {
        loop {
            match &mut self.exchange {
                Listening::Now(exchange) => return exchange.poll_pull(cx),
                Listening::Later(later) => match ready!(later.poll(cx)) {
                    Some(exchange) => self.exchange = Listening::Now(exchange),
                    None => return Poll::Ready(Pull::End),
                },
            }
            self.begins();
            self.wait_again();
        }
    }

    /// The next bytes; `None` at the end of the stream.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.over && self.pending.len() < JOIN {
            match self.poll_pull(cx) {
                Poll::Ready(Pull::Event(event)) => {
                    let retry = event.retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
                    sse::encode(&mut self.pending, event.id.as_deref(), retry, None, &event.data);
                }
                Poll::Ready(Pull::Json(data)) => {
                    sse::encode(&mut self.pending, None, None, None, &data);
                    self.over = true;
                }
                Poll::Ready(Pull::OpenSse) => {}
                Poll::Ready(Pull::End | Pull::Cut(_)) => self.over = true,
                Poll::Ready(Pull::Pending) | Poll::Pending => break,
            }
        }
        if !self.pending.is_empty() {
            self.wait_again();
            return Poll::Ready(Some(self.pending.split().freeze()));
        }
        if self.over {
            return Poll::Ready(None);
        }
        if self.quiet.as_mut().poll(cx).is_ready() {
            if self.poll_at.is_some_and(|at| at <= Instant::now()) {
                // The client has had an event id by now: it knows where to go on.
                return Poll::Ready(None);
            }
            self.wait_again();
            // Registers the timer; it cannot have run out again already.
            let _ = self.quiet.as_mut().poll(cx);
            return Poll::Ready(Some(Bytes::from_static(KEEP_ALIVE_COMMENT)));
        }
        Poll::Pending
    }

    /// Waits for the next moment at which something must be done though nothing is said.
    fn wait_again(&mut self) {
        let keep_alive = Instant::now() + KEEP_ALIVE;
        self.quiet.as_mut().reset(self.poll_at.map_or(keep_alive, |at| at.min(keep_alive)));
    }
}
