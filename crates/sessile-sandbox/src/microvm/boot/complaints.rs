//! What a monitor complains about.

use super::{LAST_WORDS, printable};
use crate::{StartError, readiness};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

/// What is kept of it, in bytes.
const COMPLAINT: usize = 2048;

/// What QEMU says on standard error: rarely anything, and never much. It shares that with the server to come.
#[derive(Debug)]
pub(super) struct Complaints(AsyncFd<OwnedFd>);

impl Complaints {
    pub(super) fn new(stderr: OwnedFd) -> Result<Self, StartError> {
        let watched = readiness::watch_for(stderr, Interest::READABLE);
        watched.map(Self).map_err(StartError::host("watch the machine's monitor"))
    }

    /// What it has said so far, the beginning of it.
    pub(super) async fn read(&mut self) -> String {
        let mut text = vec![0; COMPLAINT];
        let read = async {
            loop {
                let mut ready = self.0.readable().await?;
                let read = |pipe: &AsyncFd<OwnedFd>| {
                    rustix::io::read(pipe.get_ref(), text.as_mut_slice()).map_err(io::Error::from)
                };
                if let Ok(done) = ready.try_io(read) {
                    return done;
                }
            }
        };
        let count = timeout(LAST_WORDS, read).await.ok().and_then(Result::ok).unwrap_or(0);
        String::from_utf8_lossy(text.get(..count).unwrap_or_default())
            .lines()
            .map(printable)
            .collect::<Vec<_>>()
            .join("; ")
    }
}
