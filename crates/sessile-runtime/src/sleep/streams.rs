//! Between a driver, which writes and reads as it can, and a file, which waits for the disk: a thread on the other side, and a pipe of
//! bounded size between.

use super::dormitory::Trouble;
use sessile_store::{CHUNK, Claimed, Draft, HibernationError, Settled};
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

/// Where a driver writes to. What it is told when it shuts it down is whether all of it is on the disk.
#[derive(Debug)]
pub(crate) struct Sink {
    pipe: DuplexStream,
    is_whole: Arc<AtomicBool>,
    verdict: Verdict,
}

/// The writing of a file: what is on the disk, or why there is nothing.
pub(crate) type Writing = JoinHandle<Result<Settled, Trouble>>;

/// A place to write to, whose bytes go into `draft`. Once it is shut down, the state is put on the disk and `fits` asked whether so many
/// bytes may stay there; dropped before that, nothing is kept.
pub(crate) fn sink<Fits>(mut draft: Draft, fits: impl FnOnce(u64) -> Fits + Send + 'static) -> (Sink, Writing)
where
    Fits: Future<Output = bool> + Send,
{
    let (near, far) = duplex(BETWEEN);
    let (tell, verdict) = oneshot::channel();
    let mut far = SyncIoBridge::new(far);
    let is_whole = Arc::new(AtomicBool::new(false));
    let whole = Arc::clone(&is_whole);
    let receiving = spawn_blocking(move || {
        let mut buffer = vec![0; BETWEEN];
        loop {
            match far.read(&mut buffer) {
                Ok(length @ 1..) => draft.write(buffer.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing else fails in a pipe within this process: it ends.
                _ if whole.load(Ordering::Acquire) => return Ok(draft.settle()?),
                _ => return Err(Trouble::Unfinished),
            }
        }
    });
    let writing = tokio::spawn(async move {
        let settled = async {
            let settled: Settled = receiving.await??;
            if fits(settled.size()).await { Ok(settled) } else { Err(Trouble::NoRoom) }
        };
        let settled = settled.await;
        let told = settled.as_ref().map(drop).map_err(ToString::to_string);
        // Nobody waits for it who has let go of the other side.
        let _ = tell.send(told);
        settled
    });
    (Sink { pipe: near, is_whole, verdict: Some(verdict) }, writing)
}

/// What the other side makes of it: to be heard once.
type Verdict = Option<oneshot::Receiver<Result<(), String>>>;

fn poll_verdict(verdict: &mut Verdict, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let Some(waiting) = verdict else { return Poll::Ready(Ok(())) };
    let told = ready!(Pin::new(waiting).poll(cx));
    *verdict = None;
    Poll::Ready(match told {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::other("nobody is on the other side any more")),
    })
}

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.pipe).poll_write(cx, bytes)) {
            // Why, the other side knows better.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ready!(poll_verdict(&mut self.verdict, cx))?;
                Poll::Ready(Err(error))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_whole.store(true, Ordering::Release);
        ready!(Pin::new(&mut self.pipe).poll_shutdown(cx))?;
        poll_verdict(&mut self.verdict, cx)
    }
}

/// Where a driver reads from. At the end of what is whole there is an end; of what is not, an error.
#[derive(Debug)]
pub(crate) struct Source {
    pipe: DuplexStream,
    verdict: Verdict,
}

/// The reading of a claimed file: the claim, and the error that ended it, if one did.
pub(crate) type Reading = JoinHandle<(Claimed, Result<(), HibernationError>)>;

/// Reads `claimed`. The claim comes back when the source is at its end or was dropped, with the error that ended it, if one did.
pub(crate) fn source(mut claimed: Claimed) -> (Source, Reading) {
    let (near, far) = duplex(CHUNK);
    let (tell, verdict) = oneshot::channel();
    let mut far = SyncIoBridge::new(far);
    let reading = spawn_blocking(move || {
        let outcome = loop {
            match claimed.next_chunk() {
                Ok(Some(chunk)) => {
                    if far.write_all(chunk).is_err() {
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
        poll_verdict(&mut self.verdict, cx)
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

    fn place() -> (tempfile::TempDir, Hibernation) {
        let home = tempfile::tempdir().unwrap();
        let place = Hibernation::open(home.path()).unwrap();
        (home, place)
    }

    #[tokio::test]
    async fn what_was_shut_down_is_kept_and_comes_back() {
        let (_home, place) = place();
        let (mut into, writing) = sink(place.begin(&label(), u64::MAX).unwrap(), |_| async { true });
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
        let (_home, place) = place();
        // It all lies in the pipe before anybody looks at it.
        let (mut into, writing) = sink(place.begin(&label(), u64::MAX).unwrap(), |_| async { false });
        into.write_all(b"a little").await.unwrap();
        let error = into.shutdown().await.unwrap_err();
        assert!(error.to_string().contains("hibernation_disk"), "{error}");
        assert!(writing.await.unwrap().is_err());
        // Or as soon as it shows.
        let (mut into, writing) = sink(place.begin(&label(), 1).unwrap(), |_| async { true });
        let error = into.write_all(&vec![0; 8 << 20]).await.unwrap_err();
        assert!(error.to_string().contains("hibernation_disk"), "{error}");
        drop(into);
        assert!(writing.await.unwrap().is_err());
        // What nobody has said to be whole is not.
        let (into, writing) = sink(place.begin(&label(), 4096).unwrap(), |_| async { true });
        drop(into);
        assert!(matches!(writing.await.unwrap(), Err(Trouble::Unfinished)));
        assert_eq!(place.files().unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_no_end() {
        let (home, place) = place();
        let mut draft = place.begin(&label(), u64::MAX).unwrap();
        draft.write(b"state").unwrap();
        draft.settle().unwrap().commit(b"head").unwrap();
        let file = home.path().join("hibernated/s-1-1.asleep");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[102] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (mut from, reading) = source(place.claim(&label()).unwrap());
        let error = from.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("part 0"), "{error}");
        assert!(reading.await.unwrap().1.is_err());
    }
}
