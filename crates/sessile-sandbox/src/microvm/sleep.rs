//! Writing a machine down, and bringing it back: QEMU's own stream of a machine's whole state, passed on as it comes. QEMU notices next to no
//! damage in it, and waits for ever for what does not come: that it is whole is for whoever keeps it, that it comes to an end is seen to
//! here.

use super::control::Control;
use super::keeping::Made;
use super::migration;
use super::qmp::{Qmp, QmpError};
use crate::{StateSink, StateSource, WakeError};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessile_link::porter::Rest;
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// The name by which QEMU knows the descriptor that its state goes through.
const NAME: &str = "state";

/// How often QEMU is asked how far it is.
const PACE: Duration = Duration::from_millis(5);

/// How often it is tried to let a machine go on.
const TRIES: u32 = 200;

/// What is passed on at once, in bytes.
const PIECE: usize = 256 * 1024;

/// How much of a state is read, in bytes, before its machine takes any. (Only so many machines are started at once.)
const AHEAD: usize = 64 << 20;

/// How long writing a machine down may take. Its memory is at most read once; what it is written to may be slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// How fast a stopped machine is written down, in bytes per second: without a bound. (QEMU's own is for machines that run meanwhile.)
const UNBOUNDED: u64 = 1 << 40;

/// What a machine that was written down takes to be woken, beside its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asleep {
    pub(super) made: Made,
    /// Where its streams stood.
    pub(super) rest: Rest,
    /// What is less than was asked for.
    pub(super) notes: Vec<String>,
}

impl Asleep {
    /// Reads what [`Sandbox::hibernate`](crate::Sandbox::hibernate) returned.
    pub(super) fn read(text: &str) -> Result<Self, WakeError> {
        serde_json::from_str(text)
            .map_err(|error| WakeError::Damaged { what: format!("what its driver noted: {error}") })
    }
}

/// A socket's end for QEMU and the other one.
fn channel() -> io::Result<(UnixStream, BlockingStream)> {
    let (ours, theirs) = BlockingStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Stops the machine and writes its state into `into`, to its end. Stopped it stays, unless this fails.
///
/// # Errors
/// In words; the machine runs on.
pub(super) async fn write_down(control: &mut Control, into: &mut StateSink) -> Result<(), String> {
    let qemu = control.monitor().await.map_err(words)?;
    let written = match qemu.command("stop", Value::Null).await {
        Ok(_) => timeout(PATIENCE, write_stopped(qemu, into)).await.unwrap_or_else(|_| Err("it takes too long".into())),
        Err(error) => Err(words(error)),
    };
    if written.is_err() {
        // Whichever of these QEMU has nothing to do for it refuses.
        let _ = qemu.command("migrate_cancel", Value::Null).await;
        let _ = qemu.command("cont", Value::Null).await;
    }
    written
}

async fn write_stopped(qemu: &mut Qmp, into: &mut StateSink) -> Result<(), String> {
    let (mut ours, theirs) = channel().map_err(words)?;
    qemu.command("migrate-set-parameters", json!({ "max-bandwidth": UNBOUNDED })).await.map_err(words)?;
    qemu.give(NAME, theirs.into()).await.map_err(words)?;
    qemu.command("migrate", json!({ "uri": format!("fd:{NAME}") })).await.map_err(words)?;
    // QEMU closes its end when it is done, or has failed.
    copy(&mut ours, into).await.map_err(unkept)?;
    until_done(qemu).await?;
    // Only what is kept for certain lets the machine be ended.
    into.shutdown().await.map_err(unkept)
}

fn unkept(error: io::Error) -> String {
    format!("its state cannot be kept: {error}")
}

/// Lets a machine run that somebody may have stopped to write it down, and who is gone.
///
/// # Errors
/// In words; it does not run.
pub(super) async fn run_on(control: &mut Control) -> Result<(), String> {
    let qemu = control.monitor().await.map_err(words)?;
    for _ in 0..TRIES {
        if !qemu.is_held().await.map_err(words)? {
            return Ok(());
        }
        // Nothing is sent any more where nobody reads; QEMU may have noticed that.
        let _ = qemu.command("migrate_cancel", Value::Null).await;
        let _ = qemu.command("cont", Value::Null).await;
        sleep(PACE).await;
    }
    Err("it was being written down, and does not go on".into())
}

/// Waits until QEMU has sent, or taken in, a whole state.
async fn until_done(qemu: &mut Qmp) -> Result<(), String> {
    migration::over(qemu, PACE).await.map_err(words)?.map_err(|why| format!("QEMU gave up: {why}"))
}

/// Why a machine did not take in a state. Nothing of it has run.
#[derive(Debug)]
pub(super) enum LoadError {
    /// It is not whole, or QEMU could make nothing of it.
    State(String),
    /// There was nobody to take it in.
    Host(String),
}

/// A state that is read while its machine is being started: most of it is there when QEMU can take it in.
pub(super) struct Ahead {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl Ahead {
    /// Begins to read. Ends with the last who wants it.
    pub(super) fn of(mut state: StateSource) -> Self {
        let (give, pieces) = mpsc::channel(AHEAD / PIECE);
        tokio::spawn(async move {
            loop {
                let mut piece = BytesMut::with_capacity(PIECE);
                let piece = match state.read_buf(&mut piece).await {
                    Ok(0) => return,
                    read => read.map(|_| piece.freeze()),
                };
                let is_last = piece.is_err();
                if give.send(piece).await.is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces }
    }
}

/// Lets a machine that was started for it take in a state. It stays stopped.
pub(super) async fn load(control: &mut Control, mut state: Ahead) -> Result<(), LoadError> {
    let host = |error: QmpError| LoadError::Host(error.to_string());
    let qemu = control.monitor().await.map_err(host)?;
    let (mut ours, theirs) = channel().map_err(|error| LoadError::Host(error.to_string()))?;
    qemu.give(NAME, theirs.into()).await.map_err(host)?;
    qemu.command("migrate-incoming", json!({ "uri": format!("fd:{NAME}") })).await.map_err(host)?;
    pass(&mut state, &mut ours).await?;
    drop(ours); // QEMU, which waits for the rest of what is not whole, is let go of
    until_done(qemu).await.map_err(LoadError::State)
}

/// Passes a whole state on. That QEMU no longer listens is its own to explain.
async fn pass(state: &mut Ahead, qemu: &mut UnixStream) -> Result<(), LoadError> {
    let mut listens = true;
    while let Some(piece) = state.pieces.recv().await {
        let piece = piece.map_err(|error| LoadError::State(error.to_string()))?;
        listens = listens && qemu.write_all(&piece).await.is_ok();
    }
    Ok(())
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
