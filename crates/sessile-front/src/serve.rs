//! Listeners: accept, one task per connection, HTTP/1.1, and a graceful end.

use crate::answer::Reply;
use crate::route::{Admin, Public};
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers a request may have.
const MAX_HEADERS: usize = 64;
/// Bytes a connection buffers while it reads a head.
const READ_BUFFER: usize = 64 * 1024;
/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long idle connections stay open once the node ends: who is about to send a request on one gets an answer, and with it the word that
/// the connection closes. Closed at once, its request would be lost, and no client may send a call again by itself.
const FAREWELL: Duration = Duration::from_millis(100);
/// How long open connections get to finish once the node ends.
const LINGER: Duration = Duration::from_secs(2);

/// Which side of the node a listener serves.
#[derive(Clone, Debug)]
pub enum Side {
    /// Clients.
    Public(Arc<Public>),
    /// Operators.
    Admin(Arc<Admin>),
}

impl Side {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Reply {
        match self {
            Self::Public(public) => public.answer(peer, request).await,
            Self::Admin(admin) => admin.answer(peer, request).await,
        }
    }
}

/// Accepts connections until `stop`, then lets the open ones finish their answers for a short while.
///
/// At most `connections` are open at a time; further clients wait in the kernel's queue.
pub async fn serve(listener: TcpListener, side: Side, connections: usize, stop: CancellationToken) {
    let connections_open = TaskTracker::new();
    let room = Arc::new(Semaphore::new(connections));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&room).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let (socket, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(target: "sessile::runtime", %error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (side, stop) = (side.clone(), stop.clone());
        connections_open.spawn(async move {
            if let Err(error) = converse(socket, peer, side, stop).await {
                tracing::debug!(target: "sessile::runtime", %peer, %error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    // What does not finish in time is cut; its session has been told already.
    connections_open.close();
    let _ = tokio::time::timeout(LINGER, connections_open.wait()).await;
}

/// Serves one connection to its end; from `stop` on, that is the answer under way, or the next one if it is asked for soon. One that an
/// answer has made into something else is over here.
async fn converse(socket: TcpStream, peer: SocketAddr, side: Side, stop: CancellationToken) -> hyper::Result<()> {
    // Without it an SSE answer waits 44 ms for the client's delayed acknowledgement.
    let _ = socket.set_nodelay(true);
    let stopped = stop.clone();
    let service = service_fn(move |request| {
        let (side, stop) = (side.clone(), stop.clone());
        async move {
            let mut reply = side.answer(peer, request).await;
            if stop.is_cancelled() && reply.status() != StatusCode::SWITCHING_PROTOCOLS {
                reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(reply)
        }
    });
    // Without `pipeline_flush`: with it, a request that cannot be parsed takes the answers to those before it along.
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let is_over = async {
        stopped.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = &mut connection => return ended,
        () = is_over => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
