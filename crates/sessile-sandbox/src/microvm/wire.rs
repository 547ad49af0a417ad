//! Control of a machine: the connection to its porter, over which the guest's messages travel as they are. Whatever comes is hostile: the
//! guest says some of it, and a monitor that was broken out of may say all of it.

use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sessile_link::frame::{self, CONTROL, Frame, FrameDecoder};
use sessile_link::porter::{Errand, FromPorter, Opened, PORT, PORTER, ToPorter};
use sessile_link::streams::{MACHINE, Opening};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::Sandbox;

/// What is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// How often it is tried to reach a porter that does not listen yet. It does within milliseconds.
const PACE: Duration = Duration::from_millis(1);

/// How long what is said may wait to be taken, and a porter to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What ends control.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The other side said what no honest guest says.
    #[error("the guest broke the rules of its link: {0}")]
    Nonsense(String),
    /// The guest did so, and its porter has found it out and said it where the server speaks.
    #[error("the guest broke the rules of its link: {0}")]
    Broken(String),
    /// The machine is gone, or as good as.
    #[error("the link ended")]
    Closed,
    /// The host's kernel failed.
    #[error("the link failed: {0}")]
    Io(#[from] io::Error),
}

/// What comes.
#[derive(Debug)]
pub(super) enum Word {
    /// Of the guest's init, as JSON: [`FromInit`](sessile_link::FromInit).
    Control(Vec<u8>),
    /// Of the guest, about its machine, as JSON: [`FromGuest`](sessile_link::guest::FromGuest).
    Machine(Vec<u8>),
    /// Of the porter.
    Porter(FromPorter),
}

/// Reads a message.
pub(super) fn understood<M: DeserializeOwned>(message: &[u8]) -> Result<M, WireError> {
    serde_json::from_slice(message).map_err(|error| WireError::Nonsense(error.to_string()))
}

/// Control of one machine.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    frames: FrameDecoder,
    /// What is read into.
    piece: Vec<u8>,
}

/// Connects to the porter of `monitor`, as soon as it listens; whoever waits says for how long.
async fn reach(monitor: &Sandbox, purpose: &ToPorter) -> Result<TcpStream, WireError> {
    let port = monitor.port(PORT);
    let mut stream = loop {
        match port.connect().await {
            Ok(stream) => break stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => sleep(PACE).await,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(WireError::Closed),
            Err(error) => return Err(error.into()),
        }
    };
    stream.write_all(&framed(CONTROL, purpose)?).await?;
    Ok(stream)
}

/// A message as a frame.
fn framed(channel: u8, message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let too_long = |error: &dyn std::fmt::Display| WireError::Io(io::Error::other(error.to_string()));
    let json = serde_json::to_vec(message).map_err(|error| too_long(&error))?;
    let mut bytes = Vec::new();
    frame::encode(channel, &json, &mut bytes).map_err(|error| too_long(&error))?;
    Ok(bytes)
}

/// A connection into the machine of `monitor`, whose bytes are what travels from here on.
///
/// # Errors
/// As the kernel of the machine put it; [`io::ErrorKind::TimedOut`] if nobody answered.
pub(super) async fn open(monitor: &Sandbox, opening: Opening) -> io::Result<TcpStream> {
    let answered = async {
        let mut stream = reach(monitor, &ToPorter::Open(opening)).await.map_err(io::Error::other)?;
        let mut header = [0; 5];
        stream.read_exact(&mut header).await?;
        let [channel, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if channel != CONTROL || length > PIECE {
            return Err(io::Error::other("a porter that says something else"));
        }
        let mut message = vec![0; length];
        stream.read_exact(&mut message).await?;
        let Opened { errno } = serde_json::from_slice(&message)?;
        match errno {
            0 => Ok(stream),
            errno => Err(Errno::from_raw_os_error(errno.into()).into()),
        }
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(PATIENCE, answered).await.map_err(late)?
}

impl Wire {
    /// Takes control of the machine of `monitor`, as soon as its porter listens.
    pub(super) async fn take(monitor: &Sandbox) -> Result<Self, WireError> {
        Ok(Self::over(reach(monitor, &ToPorter::Control).await?))
    }

    /// Control over a connection that is there.
    pub(super) fn over(stream: TcpStream) -> Self {
        Self { stream, frames: FrameDecoder::new(), piece: vec![0; PIECE] }
    }

    async fn say(&mut self, channel: u8, message: &impl Serialize) -> Result<(), WireError> {
        let bytes = framed(channel, message)?;
        let late = |_| WireError::Io(io::ErrorKind::TimedOut.into());
        Ok(timeout(PATIENCE, self.stream.write_all(&bytes)).await.map_err(late)??)
    }

    /// Says something to the guest's init.
    pub(super) async fn say_to_init(&mut self, message: &sessile_link::ToInit) -> Result<(), WireError> {
        self.say(CONTROL, message).await
    }

    /// Says something to the guest, about its machine.
    pub(super) async fn say_to_guest(&mut self, message: &sessile_link::guest::ToGuest) -> Result<(), WireError> {
        self.say(MACHINE, message).await
    }

    /// Asks the porter for something.
    pub(super) async fn ask(&mut self, errand: &Errand) -> Result<(), WireError> {
        self.say(PORTER, errand).await
    }

    /// The next word. Nothing is lost if it is given up.
    pub(super) async fn next(&mut self) -> Result<Word, WireError> {
        loop {
            match self.frames.next().map_err(|error| WireError::Nonsense(error.to_string()))? {
                Some(Frame { channel: CONTROL, payload }) => return Ok(Word::Control(payload)),
                Some(Frame { channel: MACHINE, payload }) => return Ok(Word::Machine(payload)),
                Some(Frame { channel: PORTER, payload }) => return Ok(Word::Porter(understood(&payload)?)),
                Some(Frame { channel, .. }) => {
                    return Err(WireError::Nonsense(format!("something on channel {channel}")));
                }
                None => {}
            }
            match self.stream.read(&mut self.piece).await {
                Ok(0) => return Err(WireError::Closed),
                Ok(count) => self.frames.push(self.piece.get(..count).unwrap_or_default()),
                // It went with something unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(WireError::Closed),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
