//! QEMU's control protocol (QMP), as much of it as is used: lines of JSON, a command and its answer at a time, events in between.
//! What QEMU says is hostile once its guest has broken out: every line and everything kept is bounded.

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as BlockingStream;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
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
    /// QEMU is there.
    Greeting,
    /// What the command of this number returned.
    Return(Option<u64>, Value),
    /// Why it did not.
    Error(Option<u64>, String),
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
        greeting: Option<Value>,
        #[serde(rename = "return")]
        returned: Option<Value>,
        error: Option<Described>,
        event: Option<String>,
        id: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Described {
        desc: String,
    }
    let raw: Raw = serde_json::from_slice(line).map_err(|error| QmpError::Nonsense(error.to_string()))?;
    match raw {
        Raw { greeting: Some(_), .. } => Ok(Line::Greeting),
        Raw { error: Some(error), id, .. } => Ok(Line::Error(id, error.desc)),
        Raw { event: Some(event), .. } => Ok(Line::Event(event)),
        Raw { returned: Some(value), id, .. } => Ok(Line::Return(id, value)),
        _ => Err(QmpError::Nonsense("a line that is neither greeting, answer nor event".into())),
    }
}

/// A connection to one QEMU.
#[derive(Debug)]
pub(super) struct Qmp {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    line: Vec<u8>,
    /// Whether it takes commands.
    is_ready: bool,
    /// The number of the last command.
    last: u64,
    /// Whether the machine has stopped by itself, as was said between other things.
    has_stopped: bool,
}

impl Qmp {
    /// Takes up a connection, which somebody else may have used before.
    pub(super) fn over(socket: BlockingStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (from, to) = UnixStream::from_std(socket)?.into_split();
        // Numbers of commands that another runtime gave are not met again.
        let last = u64::from(std::process::id()) << 32;
        Ok(Self { from: BufReader::new(from), to, line: Vec::new(), is_ready: false, last, has_stopped: false })
    }

    /// Sees to it that QEMU takes commands, once. Its greeting is passed over: whoever came before may have read it.
    pub(super) async fn begin(&mut self) -> Result<(), QmpError> {
        if !self.is_ready {
            match self.command("qmp_capabilities", Value::Null).await {
                // That this has been done already is an error to QEMU.
                Ok(_) | Err(QmpError::Refused { .. }) => self.is_ready = true,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives a command and waits for its answer.
    pub(super) async fn command(&mut self, command: &'static str, arguments: Value) -> Result<Value, QmpError> {
        self.command_with(command, arguments, None).await
    }

    /// Hands QEMU a descriptor, which it knows by `name` from then on.
    pub(super) async fn give(&mut self, name: &'static str, descriptor: OwnedFd) -> Result<(), QmpError> {
        self.command_with("getfd", json!({ "fdname": name }), Some(descriptor)).await.map(drop)
    }

    async fn command_with(
        &mut self,
        command: &'static str,
        arguments: Value,
        descriptor: Option<OwnedFd>,
    ) -> Result<Value, QmpError> {
        self.last += 1;
        let id = self.last;
        let mut line = json!({ "execute": command, "id": id });
        if let (Some(line), false) = (line.as_object_mut(), arguments.is_null()) {
            line.insert("arguments".into(), arguments);
        }
        let mut line = line.to_string().into_bytes();
        line.push(b'\n');
        let answer = async {
            let sent = match &descriptor {
                Some(descriptor) => self.send_with(&line, descriptor).await?,
                None => 0,
            };
            self.to.write_all(line.get(sent..).unwrap_or_default()).await?;
            for _ in 0..MAX_EVENTS {
                match self.next().await {
                    Ok(Line::Return(Some(to), value)) if to == id => return Ok(value),
                    Ok(Line::Error(Some(to), why)) if to == id => return Err(QmpError::Refused { command, why }),
                    // Of what somebody else began to read, the rest of a line comes first.
                    Err(QmpError::Nonsense(_)) if !self.is_ready => {}
                    Ok(Line::Event(event)) => self.has_stopped |= is_end(&event),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(QmpError::Nonsense("events without end".into()))
        };
        timeout(PATIENCE, answer).await.map_err(late)?
    }

    /// Sends the beginning of a line, and a descriptor with its first byte. Gives how much was sent.
    async fn send_with(&self, line: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
        let socket: &UnixStream = self.to.as_ref();
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let descriptors = [descriptor.as_fd()];
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
            Ok(sendmsg(socket, &[IoSlice::new(line)], &mut ancillary, SendFlags::NOSIGNAL)?)
        };
        socket.async_io(Interest::WRITABLE, send).await
    }

    /// Waits until the machine has stopped by itself. Only an error of the connection ends it otherwise.
    pub(super) async fn stopped(&mut self) -> Result<(), QmpError> {
        while !self.has_stopped {
            if let Line::Event(event) = self.next().await? {
                self.has_stopped = is_end(&event);
            }
        }
        Ok(())
    }

    /// Whether the machine has stopped by itself, before anybody listened.
    pub(super) async fn has_stopped(&mut self) -> Result<bool, QmpError> {
        Ok(matches!(self.status().await?.as_str(), "shutdown" | "guest-panicked" | "internal-error"))
    }

    /// Whether somebody has stopped the machine, to write it down.
    pub(super) async fn is_held(&mut self) -> Result<bool, QmpError> {
        Ok(matches!(self.status().await?.as_str(), "paused" | "finish-migrate" | "postmigrate"))
    }

    async fn status(&mut self) -> Result<String, QmpError> {
        let status = self.command("query-status", Value::Null).await?;
        Ok(status.get("status").and_then(Value::as_str).unwrap_or_default().to_owned())
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
            if self.line.len() < MAX_LINE {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            return Err(QmpError::Nonsense("a line without end".into()));
        }
        let line = std::mem::take(&mut self.line);
        parse(&line)
    }
}

/// Whether an event is the end of a machine.
fn is_end(event: &str) -> bool {
    matches!(event, "SHUTDOWN" | "GUEST_PANICKED")
}

fn late(_: tokio::time::error::Elapsed) -> QmpError {
    QmpError::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}
