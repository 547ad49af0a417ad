//! The server's ends that the pump reads.

use crate::estate::{Inbox, READ_CHUNK};
use crate::lines::Lines;
use crate::peer::Peer;
use sessile_sandbox::Sandbox;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio_util::task::AbortOnDropHandle;

/// The server's ends that the pump reads.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) stdout: Stdout,
    /// Reads stderr to its end.
    pub(crate) stderr: AbortOnDropHandle<()>,
    /// Between the session and a server that speaks HTTP; `stdout` is its word then.
    pub(crate) peer: Option<Peer>,
}

impl Outputs {
    /// Lets a server that speaks HTTP know that nobody will ask it anything more. Such a one does not end with its standard
    /// input, so it is asked to.
    pub(crate) async fn take_leave(&mut self, sandbox: &Sandbox) {
        if let Some(peer) = self.peer.take() {
            peer.finish().await;
            sandbox.terminate();
        }
    }
}

/// A server's stdout, on its way to lines.
#[derive(Debug)]
pub(crate) struct Stdout {
    pipe: pipe::Receiver,
    pub(super) lines: Lines,
    /// Where what is read lies until it is accounted for, if somebody may have to go on with it.
    inbox: Option<Inbox>,
}

impl Stdout {
    pub(crate) fn new(pipe: pipe::Receiver, lines: Lines, inbox: Option<Inbox>) -> Self {
        Self { pipe, lines, inbox }
    }

    /// Waits for the server to say something. `false` at the end of its stdout. Nothing is lost if nobody waits any more.
    ///
    /// A read that does not fill the buffer tells tokio that nothing more is there, which saves a second one.
    pub(super) async fn fill(&mut self) -> bool {
        let buffer = self.lines.buffer();
        let Some(inbox) = &mut self.inbox else {
            buffer.reserve(READ_CHUNK);
            return matches!(self.pipe.read_buf(buffer).await, Ok(1..));
        };
        let taken = self.lines.taken();
        let room = inbox.room(taken);
        let length = self.pipe.read(room).await.unwrap_or(0);
        self.lines.buffer().extend_from_slice(room.get(..length).unwrap_or_default());
        inbox.took(length);
        length > 0
    }

    /// Reads once what is there already: how much that was. An error says that nothing is there yet.
    pub(super) fn fill_now(&mut self) -> std::io::Result<usize> {
        let taken = self.lines.taken();
        let Some(inbox) = &mut self.inbox else {
            let buffer = self.lines.buffer();
            buffer.reserve(READ_CHUNK);
            return self.pipe.try_read_buf(buffer);
        };
        let room = inbox.room(taken);
        let length = self.pipe.try_read(room)?;
        self.lines.buffer().extend_from_slice(room.get(..length).unwrap_or_default());
        inbox.took(length);
        Ok(length)
    }
}
