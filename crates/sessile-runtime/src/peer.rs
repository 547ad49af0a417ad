//! A server that speaks HTTP inside its sandbox, made to look like one that speaks over pipes.
//!
//! A session writes lines and reads lines, whatever its server is. Here is the other end of two pipes for those that listen on
//! a port: what comes in as a line goes out as a POST, and what its answer holds, JSON or events, comes back as lines. The
//! bound on what lies between is the pipes': a session that does not read makes its server wait.
//!
//! `talk.rs` knows which headers a message needs and what answers say, without I/O; `wire.rs` has the connections, which come
//! over the sandbox's link; `desk.rs` takes the lines in their order; `call.rs` sees one request to its answer; `listening.rs`
//! holds the stream on which a legacy server speaks outside of calls; `readiness.rs` waits until there is somebody to talk to.
//!
//! Neither the server's own session id nor its event ids get any further than the session: broken streams are resumed here. The
//! session writes both down (`conversation.rs`), as lines tell it (`about.rs`), for the peer that another runtime begins.

mod about;
mod call;
mod conversation;
mod desk;
mod events;
mod fault;
mod listening;
mod out;
mod readiness;
mod talk;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use about::{About, MAX_MARK, split};
pub(crate) use conversation::{Broken, Conversation};
pub(crate) use fault::LOST_WITH_RUNTIME;
pub(crate) use readiness::{NotReady, until_ready};

use crate::estate::Estate;
use crate::session_id::SessionName;
use desk::Desk;
use sessile_sandbox::Sandbox;
use sessile_telemetry::Telemetry;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use wire::Wires;

/// How long a server gets to hear that its session is over, and calls to say their last words.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a peer needs to know of its session.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: Arc<str>,
    pub(crate) name: SessionName,
    /// Longest message of the server, in bytes.
    pub(crate) message: usize,
    /// Requests that may be open at once.
    pub(crate) in_flight: usize,
    pub(crate) telemetry: Telemetry,
    /// Where it is noted what was passed on to the server.
    pub(crate) estate: Option<Arc<Estate>>,
}

/// The session's ends of the two pipes.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) to_server: pipe::Sender,
    pub(crate) from_server: pipe::Receiver,
}

/// What stands between a session and its server's port. It lives as long as this does.
#[derive(Debug)]
pub(crate) struct Peer {
    desk: AbortOnDropHandle<()>,
    rests: watch::Sender<bool>,
    /// The server's standard input, to which nobody writes; some programs end when it does.
    _stdin: OwnedFd,
}

impl Peer {
    /// Begins to pass messages on to the server in `sandbox`. Another runtime may have begun the `conversation`; the
    /// `rest` of what was being said then is asked for.
    ///
    /// # Errors
    /// When the kernel has no pipes left.
    pub(crate) fn begin(
        settings: Settings,
        conversation: Conversation,
        rest: Vec<Broken>,
        sandbox: &Sandbox,
        stdin: OwnedFd,
    ) -> io::Result<(Self, Ends)> {
        let (to_server, input) = pipe::pipe()?;
        let (output, from_server) = pipe::pipe()?;
        let (rests, resting) = watch::channel(false);
        let wires = Wires::new(sandbox.port(conversation.endpoint.port.get()), resting);
        let desk = Desk::new(settings, conversation, rest, wires, output);
        let desk = tokio::spawn(desk.serve(input, sandbox.ended()));
        Ok((Self { desk: AbortOnDropHandle::new(desk), rests, _stdin: stdin }, Ends { to_server, from_server }))
    }

    /// Takes it for no news that connections break, and makes no new ones: the sandbox is being written down.
    pub(crate) fn rest(&self) {
        self.rests.send_replace(true);
    }

    /// Goes on after that: what broke off meanwhile is gone on with where it can be.
    pub(crate) fn go_on(&self) {
        self.rests.send_replace(false);
    }

    /// Waits, for a moment, until the server has been told that the session is over; the session has closed its ends before.
    pub(crate) async fn finish(mut self) {
        // One that takes longer is cut off.
        let _ = tokio::time::timeout(FAREWELL, &mut self.desk).await;
    }
}
