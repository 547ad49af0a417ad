//! One HTTP exchange with a session: what the client is to be told, pulled as the client can take it.

use crate::session::Session;
use crate::stop::StopReason;
use sessile_bridge::{ConnectionId, Event, Pull};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A client's end of one stream. Dropping it tells the bridge that the connection is gone, which does not
/// cancel the call.
#[derive(Debug)]
pub struct Exchange {
    session: Arc<Session>,
    connection: ConnectionId,
    over: bool,
    /// The session ends with this exchange.
    owns: bool,
    /// What was pulled ahead of its time.
    peeked: Option<Pull>,
}

impl Exchange {
    pub(crate) fn new(session: Arc<Session>, connection: ConnectionId) -> Self {
        session.hold();
        Self { session, connection, over: false, owns: false, peeked: None }
    }

    /// Waits for what comes next, and leaves it there.
    pub(crate) async fn peek(&mut self) -> &Pull {
        if self.peeked.is_none() {
            self.peeked = Some(self.pull().await);
        }
        self.peeked.as_ref().unwrap_or(&Pull::End)
    }

    /// Makes the session end when this exchange is dropped.
    #[must_use]
    pub fn owning(mut self) -> Self {
        self.owns = true;
        self
    }

    /// The session outlives this exchange from now on.
    pub fn release(&mut self) {
        self.owns = false;
    }

    /// The session it belongs to.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// What comes next for this client. Never `Ready(Pull::Pending)`.
    pub fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<Pull> {
        if let Some(pull) = self.peeked.take() {
            return Poll::Ready(pull);
        }
        if self.over {
            return Poll::Ready(Pull::End);
        }
        let session = &self.session;
        let pull = session.glance(|core| {
            let pull = core.bridge.pull(session.now(), self.connection);
            match pull {
                Pull::Pending => core.wait(self.connection, cx.waker()),
                // The bridge has forgotten the connection with these.
                Pull::Json(_) | Pull::End | Pull::Cut(_) => core.forget(self.connection),
                Pull::OpenSse | Pull::Event(_) => {}
            }
            pull
        });
        match pull {
            Pull::Pending => return Poll::Pending,
            Pull::Json(_) | Pull::End | Pull::Cut(_) => self.over = true,
            Pull::OpenSse | Pull::Event(_) => {}
        }
        Poll::Ready(pull)
    }

    /// Waits for what comes next.
    pub async fn pull(&mut self) -> Pull {
        std::future::poll_fn(|cx| self.poll_pull(cx)).await
    }

    /// Gives up waiting for a single answer: from now on events are pulled.
    pub fn open_stream(&mut self) {
        let session = &self.session;
        // A stream that is over already says so at the next pull.
        let _ = session.step(|core| core.bridge.on(session.now(), Event::Stream { connection: self.connection }));
    }

    fn finish(&mut self) {
        if !self.over {
            self.over = true;
            let (session, connection) = (&self.session, self.connection);
            session.step(|core| {
                core.forget(connection);
                // Closing a connection that the bridge has forgotten is nothing new to it.
                let _ = core.bridge.on(session.now(), Event::ConnectionClosed { connection });
            });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish();
        if self.owns {
            self.session.stop(StopReason::ClientGone);
        }
        self.session.let_go();
    }
}
