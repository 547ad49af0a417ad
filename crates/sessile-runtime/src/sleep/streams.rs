//! Between a driver, which writes and reads as it can, and a file, which waits for the disk: a thread on the other side, and a pipe of
//! bounded size between.

use sessile_store::{CHUNK, Claimed, Draft, HibernationError};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, DuplexStream, ReadBuf, duplex};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::io::SyncIoBridge;

/// Bytes that lie between both sides.
const BETWEEN: usize = 256 * 1024;

/// Where a driver writes to.
pub(crate) type Sink = DuplexStream;

/// A place to write to, whose bytes go into `draft`. What is on the other side ends when the place is dropped, and gives the draft back.
pub(crate) fn sink(mut draft: Draft) -> (Sink, JoinHandle<Result<Draft, HibernationError>>) {
    let (near, far) = duplex(BETWEEN);
    let mut far = SyncIoBridge::new(far);
    let writing = spawn_blocking(move || {
        let mut buffer = vec![0; BETWEEN];
        loop {
            match far.read(&mut buffer) {
                Ok(0) => return Ok(draft),
                Ok(length) => draft.write(buffer.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing fails in a pipe within this process; it ends.
                Err(_) => return Ok(draft),
            }
        }
    });
    (near, writing)
}

/// Where a driver reads from. At the end of what is whole there is an end; of what is not, an error.
#[derive(Debug)]
pub(crate) struct Source {
    pipe: DuplexStream,
    verdict: Option<oneshot::Receiver<Result<(), String>>>,
}

/// The reading of a claimed file: the claim, and the error that ended it, if one did.
pub(crate) type Reading = JoinHandle<(Claimed, Result<(), HibernationError>)>;

/// Reads `claimed`. The claim comes back when the source is at its end or was dropped, with the error that ended it, if one did.
pub(crate) fn source(mut claimed: Claimed) -> (Source, Reading) {
    let (near, far) = duplex(BETWEEN.min(CHUNK));
    let (tell, verdict) = oneshot::channel();
    let mut far = SyncIoBridge::new(far);
    let reading = spawn_blocking(move || {
        let outcome = loop {
            match claimed.next_chunk() {
                Ok(Some(chunk)) => {
                    if far.write_all(&chunk).is_err() {
                        break Ok(()); // nobody reads any more
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let told = outcome.as_ref().map(drop).map_err(ToString::to_string);
        // Before the pipe ends: who sees its end finds the verdict.
        let _ = tell.send(told);
        drop(far);
        (claimed, outcome)
    });
    (Source { pipe: near, verdict: Some(verdict) }, reading)
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.pipe).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let Some(verdict) = &mut self.verdict else { return Poll::Ready(Ok(())) };
        let verdict = ready!(Pin::new(verdict).poll(cx));
        self.verdict = None;
        match verdict {
            Ok(Ok(())) => Poll::Ready(Ok(())),
            Ok(Err(what)) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what))),
            Err(_) => Poll::Ready(Err(io::Error::other("the reader of the file is gone"))),
        }
    }
}
