//! Between a client's connection and a command: frames one way, pipes or a terminal the other.
//!
//! One task, and nothing in it holds more than a few pieces: what a client does not read stays in the command's pipes, and what a
//! command does not read is at most a window.

mod streams;

use super::wire::{
    CONTROL, ExecStart, Fault, Frames, FromNode, PIECE, STDIN, ToNode, WINDOW, WireError, control, data,
};
use sessile_runtime::{ExecError, ExecFault, ExecSpec, Exit, Node, Session, SessionExec};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use streams::{Input, Output, Streams};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// How long a client may take to say what is to be run.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// How long a refusal may take on its way.
const LAST_WORD: Duration = Duration::from_secs(10);

/// How long a client that was told all may take to read it: what it says meanwhile is heard.
const LAST_READ: Duration = Duration::from_secs(60);

/// How long output is waited for once the command has ended: what it left behind may hold its pipes open, and say nothing.
const QUIET: Duration = Duration::from_millis(200);

/// How much output is passed on once the command has ended: as much as the pipe of an ordinary user can hold (`pipe(7)`). More is not
/// the command's.
const LEFT_OVER: usize = 1 << 20;

/// How often something is said when nothing else may be.
const BEAT: Duration = Duration::from_secs(15);

/// Frames that wait for the connection.
const FRAMES: usize = 4;

/// Serves one connection to its end, which is also the command's.
pub(super) async fn serve(io: impl AsyncRead + AsyncWrite, node: &Node, session: &Arc<Session>, who: &str) {
    let (reader, mut writer) = tokio::io::split(io);
    let mut frames = Frames::of(reader);
    let start = match tokio::time::timeout(FIRST_WORD, frames.next()).await {
        Ok(Ok(Some(frame))) if frame.channel == CONTROL => match serde_json::from_slice(&frame.payload) {
            Ok(ToNode::Start(start)) => start,
            Ok(ToNode::Resize(_)) => return,
            Err(error) => return refuse(&mut writer, Fault::Request, &format!("not understood: {error}")).await,
        },
        _ => return, // it left, or speaks something else
    };
    let run = async {
        let exec = node.exec(session, spec(start), who).await.map_err(|fault| (whose(&fault), fault.to_string()))?;
        Streams::of(exec).map_err(|error| (Fault::Host, format!("the command's streams cannot be watched: {error}")))
    };
    let begun = tokio::select! {
        begun = run => begun,
        // It left, or says something before it is told that it may: nobody to run anything for.
        _ = frames.next() => return,
    };
    match begun {
        Ok((exec, streams)) => {
            let all_is_said = converse(&mut frames, &mut writer, &exec, streams).await;
            drop(exec);
            if all_is_said {
                hear_out(frames).await;
            }
        }
        Err((by, message)) => refuse(&mut writer, by, &message).await,
    }
}

fn spec(start: ExecStart) -> ExecSpec {
    let ExecStart { command, env, cwd, terminal } = start;
    ExecSpec { command, env, cwd: cwd.map(Into::into), terminal }
}

fn whose(fault: &ExecFault) -> Fault {
    use ExecError::{Confine, Host, Invalid, NotIsolated, NotLetIn};
    match fault {
        ExecFault::Refused(Invalid { .. }) => Fault::Request,
        ExecFault::Refused(NotIsolated | NotLetIn(_) | Confine { .. } | Host { .. }) => Fault::Host,
        _ => Fault::Command,
    }
}

async fn refuse(writer: &mut (impl AsyncWrite + Unpin), by: Fault, message: &str) {
    let refused = FromNode::Refused { by, message: message.to_owned() };
    if let Ok(bytes) = control(&refused) {
        let _ = tokio::time::timeout(LAST_WORD, writer.write_all(&bytes)).await;
        let _ = writer.shutdown().await;
    }
}

/// Takes in what a client still says that has been told all, until it leaves. A connection that is closed before would be reset by what
/// comes then, and what the client has not read by that time would be lost.
async fn hear_out<R: AsyncRead + Unpin>(mut frames: Frames<R>) {
    let until_it_leaves = async { while let Ok(Some(_)) = frames.next().await {} };
    let _ = tokio::time::timeout(LAST_READ, until_it_leaves).await;
}

/// Passes everything on until the command has ended and all is said, or the client leaves. Tells whether all is said.
async fn converse<R, W>(frames: &mut Frames<R>, writer: &mut W, exec: &SessionExec, streams: Streams) -> bool
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Streams { input, outputs } = streams;
    let (say, said) = mpsc::channel(FRAMES);
    let (typed, untaken) = tokio::io::duplex(WINDOW as usize);
    let room = AtomicUsize::new(WINDOW as usize);
    let work = async {
        tokio::select! {
            () = run(exec, outputs, &say) => {}
            () = feed(input, untaken, &room, &say) => {}
            () = beat(&say) => {}
        }
        drop(say); // with that, the last is said
    };
    tokio::select! {
        // Its errors end the conversation like its end, and say no more to anybody.
        _ = hear(frames, exec, typed, &room) => false,
        ((), all_is_said) = async { tokio::join!(work, write(said, writer)) } => all_is_said,
    }
}

/// Takes in what the client says, to its end. It never waits for the command.
async fn hear<R: AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    exec: &SessionExec,
    typed: DuplexStream,
    room: &AtomicUsize,
) -> Result<(), WireError> {
    let mut typed = Some(typed);
    while let Some(frame) = frames.next().await? {
        match frame.channel {
            CONTROL => match serde_json::from_slice(&frame.payload)? {
                ToNode::Resize(size) => exec.exec.resize(size),
                ToNode::Start(_) => return Ok(()), // once, and first
            },
            STDIN if frame.payload.is_empty() => typed = None,
            STDIN => {
                let Some(typed) = &mut typed else { return Ok(()) };
                let length = frame.payload.len();
                let before = room.load(Ordering::Relaxed);
                if length > before {
                    return Ok(()); // it was told what it may
                }
                room.fetch_sub(length, Ordering::Relaxed);
                // Has room for a window, so that this does not wait.
                typed.write_all(&frame.payload).await?;
            }
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Hands input to the command as it takes it, and lets the client send as much again. Goes on for ever.
async fn feed(input: Input, mut untaken: DuplexStream, room: &AtomicUsize, say: &Sender<Vec<u8>>) {
    let mut input = Some(input);
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = untaken.read(&mut piece).await {
        // A command that reads no more loses what comes, and goes on.
        if let Some(open) = &mut input
            && open.write_all(piece.get(..count).unwrap_or_default()).await.is_err()
        {
            input = None;
        }
        room.fetch_add(count, Ordering::Relaxed);
        tell(say, &FromNode::Taken { bytes: u32::try_from(count).unwrap_or(u32::MAX) }).await;
    }
    if let Some(input) = input {
        input.end().await;
    }
    std::future::pending().await
}

/// Sees the command to its end, and says so after all that it wrote.
async fn run(exec: &SessionExec, outputs: Vec<(u8, Output)>, say: &Sender<Vec<u8>>) {
    let began = Instant::now();
    tell(say, &FromNode::Started { exec: exec.number, window: WINDOW }).await;
    let shown = outputs.into_iter().map(|(channel, output)| show(exec, channel, output, say));
    futures_util::future::join_all(shown).await;
    let exit = exec.exec.ended().await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (code, signal) = match exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(signal) => (None, Some(signal)),
        Exit::OutOfMemory { .. } | Exit::Killed | Exit::Lost | Exit::Crashed => (None, None),
    };
    let session_end = exec.session_end(exit).await.map(str::to_owned);
    tell(say, &FromNode::Ended { code, signal, took_ms, session_end }).await;
}

/// Passes on what the command writes, until it writes no more.
async fn show(exec: &SessionExec, channel: u8, mut output: Output, say: &Sender<Vec<u8>>) {
    let mut ended = pin!(exec.exec.ended());
    let (mut has_ended, mut left_over) = (false, LEFT_OVER);
    let mut piece = vec![0; PIECE];
    loop {
        let count = tokio::select! {
            biased;
            _ = &mut ended, if !has_ended => {
                has_ended = true;
                continue;
            }
            count = output.read(&mut piece) => count.unwrap_or(0),
            () = tokio::time::sleep(QUIET), if has_ended => 0,
        };
        if has_ended {
            left_over = left_over.saturating_sub(count);
        }
        if count == 0
            || say.send(data(channel, piece.get(..count).unwrap_or_default())).await.is_err()
            || left_over == 0
        {
            return;
        }
    }
}

/// Says something now and then, so that a connection that is dead breaks.
async fn beat(say: &Sender<Vec<u8>>) {
    loop {
        tokio::time::sleep(BEAT).await;
        tell(say, &FromNode::Alive).await;
    }
}

async fn tell(say: &Sender<Vec<u8>>, message: &FromNode) {
    if let Ok(bytes) = control(message) {
        // Nobody hears it once the connection broke; then all of this is about to end.
        let _ = say.send(bytes).await;
    }
}

/// Writes frames to the connection until no more come, then ends it. Tells whether that went well.
async fn write(mut said: Receiver<Vec<u8>>, writer: &mut (impl AsyncWrite + Unpin)) -> bool {
    while let Some(bytes) = said.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return false;
        }
    }
    writer.shutdown().await.is_ok()
}
