//! Request bodies read within a bound, and the response bodies of the front.

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::remote::RemoteBody;
use crate::stream::EventStream;

/// How long a client may pause in the middle of a body.
const PAUSE: Duration = Duration::from_secs(30);
/// How much of a body over the limit is read and thrown away, in bytes beyond the limit, so that the connection
/// can serve the next request. What is longer costs its client the connection.
const SURPLUS: usize = 4 << 20;
/// How long that may take.
const SURPLUS_TIME: Duration = Duration::from_secs(5);

/// Why a request body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than the server's `message` limit.
    #[error("the message is over the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The client stopped in the middle.
    #[error("no byte of the message came for {} s", PAUSE.as_secs())]
    Stalled,
    /// The connection broke, or its framing is wrong.
    #[error("the message could not be read: {0}")]
    Broken(String),
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        let bearable = limit.saturating_add(SURPLUS);
        if announced <= bearable as u64 {
            discard(body, bearable).await;
        }
        return Err(BodyError::TooLarge { limit });
    }
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    let mut length = 0_usize;
    while !body.is_end_stream() {
        let frame = match tokio::time::timeout(PAUSE, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(BodyError::Broken(error.to_string())),
            Ok(None) => break,
            Err(_) => return Err(BodyError::Stalled),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > limit {
            drop((first, rest, data));
            discard(body, SURPLUS).await;
            return Err(BodyError::TooLarge { limit });
        }
        match (&mut first, &mut rest) {
            (None, _) => first = Some(data),
            (Some(_), Some(rest)) => rest.extend_from_slice(&data),
            (Some(first), None) => {
                let mut joined = BytesMut::with_capacity(first.len() + data.len());
                joined.extend_from_slice(first);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}

/// Reads the rest of a body that is not wanted, at most a little more than `at_most` bytes of it.
async fn discard<B>(mut body: B, at_most: usize)
where
    B: Body<Data = Bytes> + Unpin,
{
    let rest = async {
        let mut length = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > at_most {
                break;
            }
        }
    };
    // Not read to its end, it costs the connection and nothing else.
    let _ = tokio::time::timeout(SURPLUS_TIME, rest).await;
}

/// What the front answers with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// One piece, or nothing.
    Whole(Option<Bytes>),
    /// Server-sent events of a session.
    Events(Box<EventStream>),
    /// What a remote server answers.
    Remote(RemoteBody),
}

impl Answer {
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Events(events) => events.poll_data(cx),
            Self::Remote(remote) => remote.poll_data(cx),
        };
        data.map(|data| data.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Events(_) | Self::Remote(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_however_it_is_cut() {
        let whole = Full::new(Bytes::from(vec![b'x'; 11]));
        assert!(matches!(read(whole, 10).await, Err(BodyError::TooLarge { limit: 10 })));
        let pieces = (0..11).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))));
        let cut = StreamBody::new(futures_util::stream::iter(pieces));
        assert!(matches!(read(cut, 10).await, Err(BodyError::TooLarge { limit: 10 })));
    }

    #[tokio::test]
    async fn of_a_body_over_the_limit_only_so_much_is_read() {
        let taken = std::cell::Cell::new(0_usize);
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let pieces = (0..100).map(|_| {
            taken.set(taken.get() + 1);
            Ok::<_, Infallible>(Frame::data(piece.clone()))
        });
        let cut = StreamBody::new(futures_util::stream::iter(pieces));
        assert!(matches!(read(cut, 10).await, Err(BodyError::TooLarge { limit: 10 })));
        assert_eq!(taken.get(), 1 + SURPLUS / (1 << 20) + 1, "up to the surplus and the piece that goes over it");
    }

    #[tokio::test]
    async fn pieces_are_joined() {
        let pieces = ["ab", "c", "", "def"].map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        assert_eq!(read(body, 6).await.unwrap(), "abcdef");
    }
}
