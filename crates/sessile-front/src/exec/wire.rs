//! What a client of `exec` and the node say to each other once the connection is theirs.
//!
//! `POST /admin/v1/sessions/NAME/exec` with `Upgrade: sessile-exec/1` is answered with 101; from then on the connection carries frames
//! of `sessile-link`, `[channel u8][length u32, big endian][payload]`, both ways. The client says [`ToNode::Start`] first and is told
//! [`FromNode::Started`] or [`FromNode::Refused`]. Then bytes go as they are: to the command on [`STDIN`], an empty frame being its
//! end; from it on [`STDOUT`] and [`STDERR`]; a terminal has the first two only. [`FromNode::Ended`] comes last, after all output.
//!
//! Output is held back by the connection itself: a client that does not read stops the command. Input must not be, or a command that
//! does not read would keep the node from hearing that its client left: the client sends at most as many bytes as it was told it may
//! ([`FromNode::Started`], then [`FromNode::Taken`]), or is cut off. When the connection ends, the command is killed.

use serde::{Deserialize, Serialize};
use sessile_link::FrameError;
use sessile_link::frame::{self, FrameDecoder};
pub use sessile_link::{Frame, WindowSize};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The protocol in the headers `Upgrade`.
pub const PROTOCOL: &str = "sessile-exec/1";

/// [`ToNode`] and [`FromNode`], as JSON.
pub const CONTROL: u8 = frame::CONTROL;
/// Bytes for the command's standard input.
pub const STDIN: u8 = 1;
/// Bytes of its standard output, or of its terminal.
pub const STDOUT: u8 = 2;
/// Bytes of its standard error.
pub const STDERR: u8 = 3;

/// How many bytes of input may be on their way.
pub const WINDOW: u32 = 64 * 1024;

/// The most bytes that one frame of input or output carries.
pub const PIECE: usize = 16 * 1024;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNode {
    /// Run this. Once, and first.
    Start(ExecStart),
    /// The terminal has another size now.
    Resize(WindowSize),
}

/// What is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecStart {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables beside those of the server.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// Its working directory inside; without it, the server's.
    #[serde(default)]
    pub cwd: Option<String>,
    /// The size of its terminal; without it, it gets pipes.
    #[serde(default)]
    pub terminal: Option<WindowSize>,
}

/// What the node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNode {
    /// The command runs.
    Started {
        /// Which command of the session it is, counted from 1; the log calls it that.
        exec: u64,
        /// How many bytes of input may be sent.
        window: u32,
    },
    /// It was not run.
    Refused {
        /// Who is to do something about it.
        by: Fault,
        /// Why, and what.
        message: String,
    },
    /// So many bytes of input were taken, and as many more may be sent.
    Taken {
        /// How many.
        bytes: u32,
    },
    /// Nothing is to be said; a connection that is dead is found out by it.
    Alive,
    /// The command ended.
    Ended {
        /// With this code, if it did.
        code: Option<i32>,
        /// By this signal, if it was one.
        signal: Option<i32>,
        /// How long it ran, in milliseconds.
        took_ms: u64,
        /// Why its session ended, if that is what ended it.
        session_end: Option<String>,
    },
}

/// Whose fault it is that a command was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// What was asked for cannot be meant.
    Request,
    /// It was tried and failed.
    Command,
    /// The host, or the way that the server is isolated, does not allow it.
    Host,
}

/// A control message as a frame.
///
/// # Errors
/// When it is longer than a frame may be: a command line of a megabyte.
pub fn control(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    frame::encode(CONTROL, &serde_json::to_vec(message)?, &mut bytes)?;
    Ok(bytes)
}

/// Bytes as a frame; at most [`PIECE`] of them.
#[must_use]
pub fn data(channel: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    // A piece is far below the bound of a frame.
    let _ = frame::encode(channel, bytes, &mut out);
    out
}

/// Why a connection cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// What came is no message.
    #[error("control message is not understood: {0}")]
    Message(#[from] serde_json::Error),
}

/// Frames of a connection.
#[derive(Debug)]
pub struct Frames<R> {
    from: R,
    decoder: FrameDecoder,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Reads them from a connection.
    pub fn of(from: R) -> Self {
        Self { from, decoder: FrameDecoder::new() }
    }

    /// The next frame; `None` when there will be no more. Safe to be dropped and asked again.
    ///
    /// # Errors
    /// When the connection broke, or carries something else.
    pub async fn next(&mut self) -> Result<Option<Frame>, WireError> {
        let mut piece = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(Some(frame));
            }
            match self.from.read(&mut piece).await? {
                0 => return Ok(None),
                count => self.decoder.push(piece.get(..count).unwrap_or_default()),
            }
        }
    }
}
