//! Between a driver, which writes and reads as it can, and a file, which waits for the disk: a thread on the other side, and a pipe of
//! bounded size between.

use sessile_store::{CHUNK, Claimed, Draft, HibernationError};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::io::SyncIoBridge;

/// Bytes that lie between both sides.
const BETWEEN: usize = 256 * 1024;

/// Where a driver writes to. It is shut down when all of the state is on the disk for certain, with room for a head; dropped before, what
/// was written is worth nothing.
#[derive(Debug)]
pub(crate) struct Sink {
    pipe: DuplexStream,
    /// Whether what was written is all.
    is_whole: Arc<AtomicBool>,
    verdict: Option<Verdict>,
}

/// What the thread on the other side says, once.
type Verdict = oneshot::Receiver<Result<(), String>>;

/// A place to write to, whose bytes go into `draft`, before a head of `head` bytes or so. What is on the other side ends when the place is
/// shut down or dropped, and gives the draft back.
pub(crate) fn sink(mut draft: Draft, head: u64) -> (Sink, JoinHandle<Result<Draft, HibernationError>>) {
    let (near, far) = duplex(BETWEEN);
    let (tell, verdict) = oneshot::channel();
    let (is_whole, mut far) = (Arc::new(AtomicBool::new(false)), SyncIoBridge::new(far));
    let sink = Sink { pipe: near, is_whole: Arc::clone(&is_whole), verdict: Some(verdict) };
    let writing = spawn_blocking(move || {
        let mut buffer = vec![0; BETWEEN];
        let outcome = loop {
            match far.read(&mut buffer) {
                Ok(0) if is_whole.load(Ordering::Acquire) => break draft.settle(head),
                // Nothing fails in a pipe within this process; it ends.
                Ok(0) => break Ok(()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break Ok(()),
                Err(_) => {}
                Ok(length) => {
                    if let Err(error) = draft.write(buffer.get(..length).unwrap_or_default()) {
                        break Err(error);
                    }
                }
            }
        };
        // Nobody listens if the place was dropped.
        let _ = tell.send(outcome.as_ref().map(drop).map_err(ToString::to_string));
        outcome.map(|()| draft)
    });
    (sink, writing)
}

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_whole.store(true, Ordering::Release);
        ready!(Pin::new(&mut self.pipe).poll_shutdown(cx))?;
        ready!(heard(&mut self.verdict, cx)).map_err(io::Error::other).into()
    }
}

/// What the other side has said; nothing is wrong once it was heard.
fn heard(verdict: &mut Option<Verdict>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
    let Some(waited) = verdict else { return Poll::Ready(Ok(())) };
    let said = ready!(Pin::new(waited).poll(cx));
    *verdict = None;
    Poll::Ready(said.unwrap_or_else(|_| Err("the thread at the file is gone".to_owned())))
}

/// Where a driver reads from. At the end of what is whole there is an end; of what is not, an error.
#[derive(Debug)]
pub(crate) struct Source {
    pipe: DuplexStream,
    verdict: Option<Verdict>,
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
        let said = ready!(heard(&mut self.verdict, cx));
        said.map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessile_store::{Hibernation, Label};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn label() -> Label {
        Label { session: "s-1".into(), server: "it".into(), principal: "ada".into(), generation: 1 }
    }

    #[tokio::test]
    async fn what_was_shut_down_is_kept_and_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let place = Hibernation::open(home.path()).unwrap();
        let (mut into, writing) = sink(place.begin(&label(), u64::MAX).unwrap(), 10);
        let state: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 3) as u8).collect();
        into.write_all(&state).await.unwrap();
        into.shutdown().await.unwrap();
        writing.await.unwrap().unwrap().commit(b"head").unwrap();
        let (mut from, reading) = source(place.claim(&label()).unwrap());
        let mut read = Vec::new();
        from.read_to_end(&mut read).await.unwrap();
        assert!(read == state);
        let (mut claimed, outcome) = reading.await.unwrap();
        outcome.unwrap();
        assert_eq!(claimed.take_head(), b"head");
    }

    #[tokio::test]
    async fn who_writes_hears_at_the_latest_in_the_end_that_there_is_no_room() {
        let home = tempfile::tempdir().unwrap();
        let place = Hibernation::open(home.path()).unwrap();
        // It all lies in the pipe before anybody looks at it.
        let (mut into, writing) = sink(place.begin(&label(), 4096).unwrap(), 8192);
        into.write_all(b"a little").await.unwrap();
        let error = into.shutdown().await.unwrap_err();
        assert!(error.to_string().contains("hibernation_disk"), "{error}");
        assert!(writing.await.unwrap().is_err());
        assert_eq!(place.files().unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_no_end() {
        let home = tempfile::tempdir().unwrap();
        let place = Hibernation::open(home.path()).unwrap();
        let mut draft = place.begin(&label(), u64::MAX).unwrap();
        draft.write(b"state").unwrap();
        draft.commit(b"head").unwrap();
        let file = home.path().join("hibernated/s-1-1.asleep");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[102] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (mut from, reading) = source(place.claim(&label()).unwrap());
        let error = from.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("part 0"), "{error}");
        assert!(reading.await.unwrap().1.is_err());
    }
}
