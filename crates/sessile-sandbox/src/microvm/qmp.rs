//! QEMU's control protocol (QMP), as much of it as is used: lines of JSON, a command and its answer at a time, events in between.
//! What QEMU says is hostile once its guest has broken out: every line and everything kept is bounded.

use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// The longest line, in bytes: the console's last words, escaped, fit amply.
const MAX_LINE: usize = 256 * 1024;

/// Lines that may come before an answer.
const MAX_EVENTS: usize = 64;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One line.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// QEMU is there; its version.
    Greeting(String),
    /// What a command returned.
    Return(Value),
    /// Why it did not.
    Error(String),
    /// Something happened: the event's name.
    Event(String),
}

/// What QEMU should never say.
#[derive(Debug, thiserror::Error)]
pub(super) enum QmpError {
    /// The connection.
    #[error("QEMU's control socket: {0}")]
    Io(#[from] io::Error),
    /// Not what the protocol says.
    #[error("QEMU said what is no QMP: {0}")]
    Nonsense(String),
    /// A command that failed.
    #[error("QEMU refused `{command}`: {why}")]
    Refused {
        /// The command.
        command: &'static str,
        /// As QEMU put it.
        why: String,
    },
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<Line, QmpError> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "QMP")]
        greeting: Option<Greeting>,
        #[serde(rename = "return")]
        returned: Option<Value>,
        error: Option<Described>,
        event: Option<String>,
    }
    #[derive(Deserialize)]
    struct Greeting {
        version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        package: String,
        qemu: Numbers,
    }
    #[derive(Deserialize)]
    struct Numbers {
        major: u32,
        minor: u32,
        micro: u32,
    }
    #[derive(Deserialize)]
    struct Described {
        desc: String,
    }
    let raw: Raw = serde_json::from_slice(line).map_err(|error| QmpError::Nonsense(error.to_string()))?;
    match raw {
        Raw { greeting: Some(Greeting { version }), .. } => {
            let Numbers { major, minor, micro } = version.qemu;
            Ok(Line::Greeting(format!("{major}.{minor}.{micro} {}", version.package).trim_end().to_owned()))
        }
        Raw { error: Some(error), .. } => Ok(Line::Error(error.desc)),
        Raw { event: Some(event), .. } => Ok(Line::Event(event)),
        Raw { returned: Some(value), .. } => Ok(Line::Return(value)),
        _ => Err(QmpError::Nonsense("a line that is neither greeting, answer nor event".into())),
    }
}

/// A connection to one QEMU.
#[derive(Debug)]
pub(super) struct Qmp {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    line: Vec<u8>,
}

impl Qmp {
    /// Takes up a connection that QEMU made: waits for its greeting and begins to command.
    pub(super) async fn begin(socket: BlockingStream) -> Result<Self, QmpError> {
        socket.set_nonblocking(true)?;
        let (from, to) = UnixStream::from_std(socket)?.into_split();
        let mut qmp = Self { from: BufReader::new(from), to, line: Vec::new() };
        match timeout(PATIENCE, qmp.next()).await.map_err(late)?? {
            Line::Greeting(_) => {}
            other => return Err(QmpError::Nonsense(format!("{other:?} instead of a greeting"))),
        }
        qmp.command("qmp_capabilities", Value::Null).await?;
        Ok(qmp)
    }

    /// Gives a command and waits for its answer.
    pub(super) async fn command(&mut self, command: &'static str, arguments: Value) -> Result<Value, QmpError> {
        let mut line = json!({ "execute": command });
        if let (Some(line), false) = (line.as_object_mut(), arguments.is_null()) {
            line.insert("arguments".into(), arguments);
        }
        let mut line = line.to_string().into_bytes();
        line.push(b'\n');
        let answer = async {
            self.to.write_all(&line).await?;
            for _ in 0..MAX_EVENTS {
                match self.next().await? {
                    Line::Return(value) => return Ok(value),
                    Line::Error(why) => return Err(QmpError::Refused { command, why }),
                    Line::Event(_) | Line::Greeting(_) => {}
                }
            }
            Err(QmpError::Nonsense("events without end".into()))
        };
        timeout(PATIENCE, answer).await.map_err(late)?
    }

    /// Waits until the machine has stopped by itself. Only an error of the connection ends it otherwise.
    pub(super) async fn stopped(&mut self) -> Result<(), QmpError> {
        loop {
            if let Line::Event(event) = self.next().await?
                && matches!(event.as_str(), "SHUTDOWN" | "GUEST_PANICKED")
            {
                return Ok(());
            }
        }
    }

    /// Whether the machine has stopped by itself, before anybody listened.
    pub(super) async fn has_stopped(&mut self) -> Result<bool, QmpError> {
        let status = self.command("query-status", Value::Null).await?;
        let status = status.get("status").and_then(Value::as_str).unwrap_or_default();
        Ok(matches!(status, "shutdown" | "guest-panicked" | "internal-error"))
    }

    /// What the machine's console said last.
    pub(super) async fn console(&mut self) -> Result<String, QmpError> {
        let arguments = json!({ "device": "console", "size": 16_384, "format": "utf8" });
        let text = self.command("ringbuf-read", arguments).await?;
        text.as_str().map(str::to_owned).ok_or_else(|| QmpError::Nonsense("a console that is no text".into()))
    }

    /// The next line. Safe to give up waiting for: what was read of a line is kept.
    async fn next(&mut self) -> Result<Line, QmpError> {
        let room = u64::try_from(MAX_LINE.saturating_sub(self.line.len())).unwrap_or(0);
        (&mut self.from).take(room).read_until(b'\n', &mut self.line).await?;
        if self.line.last() != Some(&b'\n') {
            let why = if self.line.len() >= MAX_LINE { "a line without end" } else { "the connection was closed" };
            return Err(QmpError::Nonsense(why.into()));
        }
        let line = std::mem::take(&mut self.line);
        parse(&line)
    }
}

fn late(_: tokio::time::error::Elapsed) -> QmpError {
    QmpError::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}
