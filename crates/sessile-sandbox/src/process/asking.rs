//! What the runtime has asked init for, until init answers.

use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Requests for sockets of one sandbox that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u32,
    waiting: HashMap<u32, oneshot::Sender<io::Result<OwnedFd>>>,
    /// Nobody answers any more.
    over: bool,
}

impl Asking {
    /// The number of a new request, and where its answer will be.
    ///
    /// # Errors
    /// When the link has ended.
    pub(super) fn ask(&self) -> io::Result<(u32, oneshot::Receiver<io::Result<OwnedFd>>)> {
        let mut open = self.lock();
        if open.over {
            return Err(gone());
        }
        // Those who waited for an answer and gave up make no room by themselves.
        open.waiting.retain(|_, asker| !asker.is_closed());
        open.last = open.last.wrapping_add(1);
        let (answer, answered) = oneshot::channel();
        let id = open.last;
        open.waiting.insert(id, answer);
        Ok((id, answered))
    }

    /// Init has answered.
    pub(super) fn answered(&self, id: u32, errno: i32, socket: Option<OwnedFd>) {
        let Some(asker) = self.lock().waiting.remove(&id) else { return };
        let answer = match (errno, socket) {
            (0, Some(socket)) => Ok(socket),
            (0, None) => Err(io::Error::other("init handed over no socket")),
            (errno, _) => Err(Errno::from_raw_os_error(errno).into()),
        };
        // Whoever asked may have given up.
        let _ = asker.send(answer);
    }

    /// Takes a request back that could not be sent.
    pub(super) fn unsent(&self, id: u32) {
        self.lock().waiting.remove(&id);
    }

    /// The link has ended: whoever waits is told so.
    pub(super) fn end(&self) {
        let mut open = self.lock();
        open.over = true;
        open.waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody is left to answer.
pub(super) fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the sandbox has ended")
}
