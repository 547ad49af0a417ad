//! `CONNECT`: a tunnel to what was asked for. What the client says first in it is looked at: TLS has to name the same
//! server, plain HTTP is followed request by request, anything else is left alone.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::body::{BodyError, relay, relay_all};
use crate::chunks::Chunks;
use crate::connection::{Client, next_head};
use crate::exchange::{self, WhenDown};
use crate::first_bytes::{FirstBytes, FirstBytesError};
use crate::gate::Shared;
use crate::head::{Form, HeadError, RequestHead};
use crate::hello::{self, ClientHello, HelloError};
use crate::host::Host;
use crate::inlet::Inlet;
use crate::passage::Passage;
use crate::refusal::{Reason, Refusal};
use crate::stop::Stop;
use crate::target::Target;
use crate::way::{self, Way};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Serves a tunnel until it ends.
pub(crate) async fn run<S>(
    gate: &Shared,
    client: &mut Client<S>,
    head: &RequestHead,
    target: &Target,
) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite,
{
    if !head.host_agrees_with(target) {
        return Err(Stop::Refused(Refusal::new(target, Reason::HostMismatch)));
    }
    let mut way = way::open(gate, target).await?;
    client.outlet.write_all(ESTABLISHED).await?;
    client.outlet.flush().await?;
    let ended = pass(gate, client, &mut way, target).await;
    match ended {
        // An answer in the middle of another one helps nobody.
        Err(Stop::Refused(refusal)) if way.passage.is_answered() || refusal.reason == Reason::NoLongerListed => {
            Err(Stop::RefusedLate(refusal))
        }
        // It was reached; what is silent in a tunnel is nobody's failure.
        Err(Stop::Unreachable(_)) => Err(Stop::Gone),
        other => other,
    }
}

async fn pass<S>(gate: &Shared, client: &mut Client<S>, way: &mut Way, target: &Target) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite,
{
    let (passage, idle) = (&way.passage, gate.limits.idle_timeout);
    let (to_server, from_client) = (&mut way.outlet, &mut client.inlet);
    let up = async {
        match first_bytes(from_client, target, gate.limits.head_timeout).await? {
            FirstBytes::Http => return requests(gate, from_client, to_server, target, passage).await,
            FirstBytes::Tls(hello) => {
                check_hello(&hello, target).map_err(|reason| Stop::RefusedTls(Refusal::new(target, reason)))?;
            }
            FirstBytes::Other => {}
        }
        match relay_all(from_client, to_server, |count| passage.sent(count)).await {
            // What the server has said before it stopped to listen still has to arrive.
            Ok(()) | Err(BodyError::To) => Ok(()),
            Err(BodyError::From | BodyError::Malformed(_)) => Err(Stop::Gone),
        }
    };
    // Beside, since in some protocols the server speaks first.
    let down = async {
        let received = |count| passage.received(count);
        relay_all(&mut way.inlet, &mut client.outlet, received).await.map_err(|_| Stop::Gone)
    };
    exchange::run(passage, &mut way.permit, idle, WhenDown::GoOn, up, down).await.map(|_| ())
}

/// Reads until it is clear what the client speaks; the first byte may take its time, the others have until `patience`.
async fn first_bytes<R>(from: &mut Inlet<R>, target: &Target, patience: Duration) -> Result<FirstBytes, Stop>
where
    R: AsyncRead + Unpin,
{
    from.some().await?;
    let read = async {
        let mut is_ended = from.bytes().is_empty();
        loop {
            if let Some(first) = FirstBytes::read(from.bytes(), is_ended).map_err(|error| unreadable(target, error))? {
                return Ok(first);
            }
            is_ended = from.fill().await? == 0;
        }
    };
    let first = timeout(patience, read).await;
    first.unwrap_or_else(|_| {
        let is_tls = from.bytes().first().is_some_and(|first| hello::is_tls(*first));
        let tls = FirstBytesError::Tls(HelloError::TooSlow);
        Err(unreadable(target, if is_tls { tls } else { FirstBytesError::Http(HeadError::TooSlow) }))
    })
}

fn unreadable(target: &Target, error: FirstBytesError) -> Stop {
    match error {
        FirstBytesError::Tls(error) => Stop::RefusedTls(Refusal::new(target, Reason::MalformedHello(error))),
        FirstBytesError::Http(error) => Stop::Refused(Refusal::new(target, Reason::Malformed(error))),
    }
}

/// The name in the ClientHello has to be the target's, or missing.
fn check_hello(hello: &ClientHello, target: &Target) -> Result<(), Reason> {
    if hello.is_encrypted {
        return Err(Reason::EncryptedHello);
    }
    match &hello.server_name {
        None => Ok(()),
        Some(name) if Host::parse(name).as_ref() == Ok(&target.host) => Ok(()),
        Some(_) => Err(Reason::SniMismatch),
    }
}

/// Plain HTTP in a tunnel: every request has to be for the target.
async fn requests<R, W>(
    gate: &Shared,
    from: &mut Inlet<R>,
    to: &mut W,
    target: &Target,
    passage: &Passage,
) -> Result<(), Stop>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let refused = |reason| Stop::Refused(Refusal::new(target, reason));
    // Silence in both directions ends the tunnel; in this one alone it is a long answer.
    while let Some(head) = next_head(from, Duration::MAX, gate.limits.head_timeout).await? {
        let path = match &head.form {
            Form::Origin { path } => path,
            Form::Absolute { target: own, path } if own == target => path,
            Form::Absolute { .. } => return Err(refused(Reason::HostMismatch)),
            Form::Connect(_) => return Err(refused(Reason::Malformed(HeadError::Form))),
        };
        if !head.host_agrees_with(target) {
            return Err(refused(Reason::HostMismatch));
        }
        let bytes = head.forwarded(target, path, !head.keeps_alive());
        to.write_all(&bytes).await?;
        passage.sent(bytes.len());
        match relay(from, to, head.body, Chunks::of_request(), |count| passage.sent(count)).await {
            Ok(()) => {}
            Err(BodyError::Malformed(error)) => return Err(refused(Reason::Malformed(error))),
            Err(BodyError::From | BodyError::To) => return Err(Stop::Gone),
        }
    }
    to.shutdown().await?;
    Ok(())
}
