//! A request of plain HTTP with its target in it (`GET http://host/path`): one request, one connection to the server, one
//! answer. The client's connection stays, and its next request may be for another host, which is checked like this one.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::body::{BodyError, relay};
use crate::chunks::Chunks;
use crate::connection::Client;
use crate::exchange::{self, Ended, WhenDown};
use crate::gate::Shared;
use crate::head::{Body, RequestHead};
use crate::inlet::Inlet;
use crate::passage::Passage;
use crate::refusal::{Reason, Refusal};
use crate::response::ResponseHead;
use crate::stop::{Problem, Stop};
use crate::target::Target;
use crate::way;

/// The most answers before the answer (100, 103).
const MOST_INTERIM: usize = 16;

/// Serves one request. Whether another one may follow is the result.
pub(crate) async fn run<S>(
    gate: &Shared,
    client: &mut Client<S>,
    head: &RequestHead,
    target: &Target,
    path: &str,
) -> Result<bool, Stop>
where
    S: AsyncRead + AsyncWrite,
{
    if !head.host_agrees_with(target) {
        return Err(Stop::Refused(Refusal::new(target, Reason::HostMismatch)));
    }
    let mut way = way::open(gate, target).await?;
    let passage = &way.passage;
    let (from_client, to_client) = (&mut client.inlet, &mut client.outlet);
    let (from_server, to_server) = (&mut way.inlet, &mut way.outlet);
    let request = head.forwarded(target, path, true);
    let is_answer_begun = AtomicBool::new(false);
    let up = async {
        // A server may answer and close before it has read everything: what it says counts, not that it does not listen.
        if to_server.write_all(&request).await.is_err() {
            return std::future::pending().await;
        }
        passage.sent(request.len());
        match relay(from_client, to_server, head.body, Chunks::of_request(), |count| passage.sent(count)).await {
            Ok(()) => Ok(()),
            Err(BodyError::To) => std::future::pending().await,
            Err(BodyError::From) => Err(Stop::Gone),
            Err(BodyError::Malformed(error)) => Err(Stop::Refused(Refusal::new(target, Reason::Malformed(error)))),
        }
    };
    let down = answer(from_server, to_client, head, target, passage, &is_answer_begun);
    let stays = AtomicBool::new(false);
    let down = async {
        stays.store(down.await?, Relaxed);
        Ok(())
    };
    let ended = exchange::run(passage, &mut way.permit, gate.limits.idle_timeout, WhenDown::Finish, up, down).await;
    match ended {
        Ok(Ended::Both) => Ok(stays.load(Relaxed)),
        Ok(Ended::DownFirst) => Ok(false),
        Err(Stop::Refused(refusal)) if is_answer_begun.load(Relaxed) => Err(Stop::RefusedLate(refusal)),
        Err(Stop::Unreachable(_)) if is_answer_begun.load(Relaxed) => Err(Stop::Gone),
        Err(stop) => Err(stop),
    }
}

/// Moves the answer. Whether the connection can stay is the result.
async fn answer<R, W>(
    from: &mut Inlet<R>,
    to: &mut W,
    request: &RequestHead,
    target: &Target,
    passage: &Passage,
    is_begun: &AtomicBool,
) -> Result<bool, Stop>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let bad = || way::unreachable(target, Problem::BadAnswer);
    for _ in 0..=MOST_INTERIM {
        let head = ResponseHead::receive(from, request.is_head()).await.map_err(|_| bad())?;
        if head.status == 101 || (head.is_chunked() && !request.is_1_1()) {
            return Err(bad());
        }
        let stays = request.keeps_alive() && head.body != Body::UntilEnd;
        let bytes = head.forwarded(stays);
        passage.received(bytes.len());
        is_begun.store(true, Relaxed);
        to.write_all(&bytes).await?;
        to.flush().await?;
        if head.is_interim() {
            continue;
        }
        return match relay(from, to, head.body, Chunks::of_response(), |count| passage.received(count)).await {
            Ok(()) => Ok(stays),
            Err(_) => Err(Stop::Gone),
        };
    }
    Err(bad())
}
