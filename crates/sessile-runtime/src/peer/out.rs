//! What the server says, on its way to the session.

use super::Settings;
use super::about::About;
use super::fault::Fault;
use bytes::{Buf, Bytes};
use sessile_protocol::{RequestId, to_line};
use sessile_telemetry::{DropCause, Event};
use std::collections::VecDeque;
use std::io;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

const LINE_FEED: Bytes = Bytes::from_static(b"\n");

/// The pipe to the session. A session that does not read holds up who writes.
#[derive(Debug)]
pub(super) struct Out(Mutex<Pen>);

/// The pipe, and what has to go before anything else. Whoever writes may be given up in the middle of a line: the next one
/// writes the rest of it first.
#[derive(Debug)]
struct Pen {
    pipe: Option<pipe::Sender>,
    rest: VecDeque<Bytes>,
}

impl Out {
    pub(super) fn new(pipe: pipe::Sender) -> Self {
        Self(Mutex::new(Pen { pipe: Some(pipe), rest: VecDeque::new() }))
    }

    /// Hands one message on, as a line.
    pub(super) async fn say(&self, message: Bytes) {
        self.write([to_line(message), LINE_FEED]).await;
    }

    /// The same of a message of which something is to be said. No message at all is fine.
    pub(super) async fn say_about(&self, about: &About, message: Bytes) {
        self.write([about.mark(), to_line(message), LINE_FEED]).await;
    }

    async fn write<const PARTS: usize>(&self, line: [Bytes; PARTS]) {
        let mut pen = self.0.lock().await;
        pen.rest.extend(line.into_iter().filter(|part| !part.is_empty()));
        if pen.write().await.is_err() {
            // The session has ended.
            pen.pipe = None;
            pen.rest.clear();
        }
    }

    /// Answers a request that the server has not answered.
    pub(super) async fn fail(&self, id: &RequestId, fault: &Fault) {
        self.say(fault.to_answer(id)).await;
    }

    /// Says nothing more: the session takes that for its server's end.
    pub(super) async fn close(&self) {
        self.0.lock().await.pipe = None;
    }
}

impl Pen {
    /// Writes what waits. Can be given up at any time.
    async fn write(&mut self) -> io::Result<()> {
        let Self { pipe: Some(pipe), rest } = self else { return Err(io::ErrorKind::BrokenPipe.into()) };
        while let Some(front) = rest.front_mut() {
            match pipe.try_write(front) {
                Ok(written) => {
                    front.advance(written);
                    if front.is_empty() {
                        rest.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pipe.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Counts and logs what the server said and nobody gets to hear.
pub(super) fn dropped(settings: &Settings, fault: &Fault) {
    let cause = match fault {
        Fault::TooLarge { .. } => DropCause::TooLarge,
        _ => DropCause::NotJsonRpc,
    };
    settings.telemetry.emit(&Event::Dropped {
        server: &settings.server,
        session: settings.name.as_str(),
        cause,
        count: 1,
        detail: &fault.to_string(),
    });
}
