//! One connection of a client to the gate: its requests, one after the other, each checked as if it were the first.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::time::timeout;

use crate::answer;
use crate::events::EgressEvent;
use crate::forward;
use crate::gate::Shared;
use crate::head::{Form, HeadError, RequestHead, head_end};
use crate::inlet::Inlet;
use crate::refusal::{Reason, Refusal};
use crate::stop::Stop;
use crate::tunnel;

/// The client's side.
pub(crate) struct Client<S> {
    pub(crate) inlet: Inlet<ReadHalf<S>>,
    pub(crate) outlet: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        let (read, outlet) = tokio::io::split(stream);
        Self { inlet: Inlet::new(read), outlet }
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve<S>(gate: &Shared, stream: S)
where
    S: AsyncRead + AsyncWrite,
{
    let mut client = Client::new(stream);
    match requests(gate, &mut client).await {
        Ok(()) => answer::leave(&mut client).await,
        Err(stop) => {
            report(gate, &stop);
            answer::tell(&mut client, &stop).await;
        }
    }
}

pub(crate) fn report(gate: &Shared, stop: &Stop) {
    match stop {
        Stop::Refused(refusal) | Stop::RefusedTls(refusal) | Stop::RefusedLate(refusal) => {
            gate.events.on(EgressEvent::Refused(refusal));
        }
        Stop::Unreachable(unreachable) => {
            let (target, problem) = (&unreachable.target, unreachable.for_log());
            gate.events.on(EgressEvent::Unreachable { target, problem: &problem });
        }
        Stop::Gone => {}
    }
}

async fn requests<S>(gate: &Shared, client: &mut Client<S>) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite,
{
    let mut patience = gate.limits.head_timeout;
    while let Some(head) = next_head(&mut client.inlet, patience, gate.limits.head_timeout).await? {
        match head.form.clone() {
            Form::Connect(target) => return tunnel::run(gate, client, &head, &target).await,
            Form::Absolute { target, path } => {
                if !forward::run(gate, client, &head, &target, &path).await? {
                    return Ok(());
                }
            }
            Form::Origin { path } => {
                let reason = Reason::Malformed(HeadError::NotForAProxy);
                return Err(Stop::Refused(Refusal::new(&path, reason)));
            }
        }
        patience = gate.limits.keep_alive;
    }
    Ok(())
}

/// The next head, or nothing if the client ends or stays silent. `patience` is for its first byte, `head_timeout` for the
/// rest.
pub(crate) async fn next_head<R>(
    inlet: &mut Inlet<R>,
    patience: Duration,
    head_timeout: Duration,
) -> Result<Option<RequestHead>, Stop>
where
    R: AsyncRead + Unpin,
{
    let is_begun = match timeout(patience, inlet.some()).await {
        Ok(bytes) => !bytes?.is_empty(),
        Err(_) => false,
    };
    if !is_begun {
        return Ok(None);
    }
    match timeout(head_timeout, read_head(inlet)).await {
        Ok(head) => head,
        Err(_) => Err(malformed(inlet.bytes(), HeadError::TooSlow)),
    }
}

async fn read_head<R>(inlet: &mut Inlet<R>) -> Result<Option<RequestHead>, Stop>
where
    R: AsyncRead + Unpin,
{
    loop {
        let bytes = inlet.bytes();
        if let Some(end) = head_end(bytes).map_err(|error| malformed(bytes, error))? {
            let own = bytes.get(..end).unwrap_or_default();
            let head = RequestHead::parse(own).map_err(|error| malformed(own, error))?;
            inlet.advance(end);
            return Ok(Some(head));
        }
        if inlet.fill().await? == 0 {
            return Ok(None);
        }
    }
}

/// With as much of the request line as there is, so that the log says what it was about.
fn malformed(bytes: &[u8], error: HeadError) -> Stop {
    let line = bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let target = words.nth(1).unwrap_or_default();
    let shown = String::from_utf8_lossy(target.get(..target.len().min(1024)).unwrap_or_default());
    Stop::Refused(Refusal::new(&shown, Reason::Malformed(error)))
}
