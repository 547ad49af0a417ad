//! Further commands in a machine: its door runs them, over a connection of their own, and [`bridge`] makes of that connection what a
//! command of the process driver has: pipes, or a terminal.
//!
//! Nothing of a machine needs to be known for that: the door was there when the server was started. So it works as well with a machine
//! that another runtime started.

mod bridge;

use super::wire;
use crate::exec::{Exec, ExecError, ExecSpec};
use crate::{BoxFuture, Sandbox};
use bridge::Ends;
use sessile_link::frame::{CONTROL, FrameDecoder};
use sessile_link::streams::Opening;
use sessile_link::{FromExec, ToDoor, control};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a start may take. It is a matter of milliseconds, and of tens under emulation.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a machine that is going may take to be gone: then that is why no command runs in it.
const GOING: Duration = Duration::from_millis(500);

/// What is read at once before the command runs, in bytes.
const PIECE: usize = 4096;

/// Runs a command in the machine of `monitor`.
pub(super) fn run(monitor: Arc<Sandbox>, spec: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
    Box::pin(async move {
        let has_terminal = spec.terminal.is_some();
        let request = spec.into_request()?;
        let mut order = Vec::new();
        control::encode(&ToDoor::Run(Box::new(request)), &mut order)
            .map_err(|error| ExecError::Invalid { what: format!("command and environment: {error}") })?;
        let late = |_| ExecError::Timeout { after: PATIENCE };
        let (stream, frames) = timeout(PATIENCE, start(&monitor, &order)).await.map_err(late)??;
        let (streams, ends) = Ends::new(has_terminal).map_err(ExecError::host("make the command's streams"))?;
        Ok(bridge::watch_over(stream, frames, streams, ends))
    })
}

/// Gives the order, and waits until the command runs. Gives the connection, with what came over it already.
async fn start(monitor: &Sandbox, order: &[u8]) -> Result<(TcpStream, FrameDecoder), ExecError> {
    let gone = |why: &str| ExecError::Lost { why: why.to_owned() };
    let begun = async {
        let mut stream = wire::open(monitor, Opening::Exec).await.map_err(ExecError::host("reach the machine"))?;
        stream.write_all(order).await.map_err(|_| gone("the connection to it broke"))?;
        let mut frames = FrameDecoder::new();
        let mut piece = [0; PIECE];
        let first = loop {
            match frames.next().map_err(|error| gone(&error.to_string()))? {
                Some(frame) if frame.channel == CONTROL => break frame.payload,
                Some(_) => return Err(gone("it speaks before it runs")),
                None => {}
            }
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return Err(gone("it was killed, or the machine is ending")),
                Ok(count) => frames.push(piece.get(..count).unwrap_or_default()),
            }
        };
        match serde_json::from_slice(&first).map_err(|error| gone(&error.to_string()))? {
            FromExec::Started => Ok((stream, frames)),
            FromExec::Refused(refusal) => Err(refusal.into()),
            FromExec::Ended(_) => Err(gone("it ended before it ran")),
        }
    };
    let begun: Result<_, ExecError> = begun.await;
    match begun {
        Err(ExecError::Host { .. } | ExecError::Lost { .. }) if timeout(GOING, monitor.ended()).await.is_ok() => {
            Err(ExecError::Ended)
        }
        begun => begun,
    }
}
