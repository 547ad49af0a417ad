//! Moves a body from one side to the other, as long as its head says and no byte longer.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::chunks::Chunks;
use crate::head::{Body, HeadError};
use crate::inlet::Inlet;

/// Why a body did not arrive as a whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The side it comes from ended or failed.
    From,
    /// The side it goes to does not take it.
    To,
    /// Its chunks are malformed.
    Malformed(HeadError),
}

/// Moves a body; `moved` is told of every piece.
pub(crate) async fn relay<R, W>(
    from: &mut Inlet<R>,
    to: &mut W,
    body: Body,
    mut chunks: Chunks,
    moved: impl Fn(usize),
) -> Result<(), BodyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut due = if let Body::Length(length) = body { length } else { 0 };
    loop {
        let is_complete = match body {
            Body::Empty => true,
            Body::Length(_) => due == 0,
            Body::Chunked => chunks.is_done(),
            Body::UntilEnd => false,
        };
        if is_complete {
            return to.flush().await.map_err(|_| BodyError::To);
        }
        let ahead = from.some().await.map_err(|_| BodyError::From)?;
        if ahead.is_empty() {
            return if body == Body::UntilEnd { Ok(()) } else { Err(BodyError::From) };
        }
        let count = match body {
            Body::Empty => 0,
            Body::Length(_) => usize::try_from(due).unwrap_or(usize::MAX).min(ahead.len()),
            Body::Chunked => chunks.follow(ahead).map_err(BodyError::Malformed)?,
            Body::UntilEnd => ahead.len(),
        };
        to.write_all(ahead.get(..count).unwrap_or_default()).await.map_err(|_| BodyError::To)?;
        from.advance(count);
        moved(count);
        due = due.saturating_sub(count as u64);
        if from.bytes().is_empty() {
            to.flush().await.map_err(|_| BodyError::To)?;
        }
    }
}

/// Moves everything until the end, and passes the end on.
pub(crate) async fn relay_all<R, W>(from: &mut Inlet<R>, to: &mut W, moved: impl Fn(usize)) -> Result<(), BodyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    relay(from, to, Body::UntilEnd, Chunks::of_response(), moved).await?;
    to.shutdown().await.map_err(|_| BodyError::To)
}
