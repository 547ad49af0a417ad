//! Where a command's output goes: to this process's own, as it comes, or into a report.

use super::Code;
use crate::client::escape::pretty;
use serde_json::json;
use sessile_front::exec::wire::STDERR;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes of each stream that a report holds.
const KEPT: usize = 4 << 20;

/// Nobody reads our output any more.
pub(super) struct Closed;

pub(super) enum Sink {
    /// Byte for byte. What moves a cursor is passed on too: that is what a terminal is for.
    PassedOn { stdout: tokio::io::Stdout, stderr: tokio::io::Stderr },
    /// For a report.
    Kept { stdout: Kept, stderr: Kept },
}

/// The beginning of a stream.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Sink {
    pub(super) fn passed_on() -> Self {
        Self::PassedOn { stdout: tokio::io::stdout(), stderr: tokio::io::stderr() }
    }

    pub(super) fn kept() -> Self {
        Self::Kept { stdout: Kept::default(), stderr: Kept::default() }
    }

    /// Takes a piece of the stream that `channel` is.
    pub(super) async fn take(&mut self, channel: u8, bytes: &[u8]) -> Result<(), Closed> {
        match self {
            Self::PassedOn { stderr, .. } if channel == STDERR => write(stderr, bytes).await,
            Self::PassedOn { stdout, .. } => write(stdout, bytes).await,
            Self::Kept { stderr, .. } if channel == STDERR => {
                stderr.take(bytes);
                Ok(())
            }
            Self::Kept { stdout, .. } => {
                stdout.take(bytes);
                Ok(())
            }
        }
    }

    /// Everything about a command that has ended, as JSON.
    pub(super) fn report(&self, session: &str, exec: u64, code: &Code, end: Option<&str>, took_ms: u64) -> String {
        let (code, signal) = match code {
            Code::Exit(code) => (Some(code), None),
            Code::Signal(signal) => (None, Some(signal)),
        };
        let mut report = json!({
            "session": session, "exec": exec, "code": code, "signal": signal, "session_end": end, "took_ms": took_ms,
        });
        if let (Self::Kept { stdout, stderr }, Some(members)) = (self, report.as_object_mut()) {
            for (name, kept) in [("stdout", stdout), ("stderr", stderr)] {
                members.insert(name.to_owned(), String::from_utf8_lossy(&kept.bytes).into());
                members.insert(format!("{name}_cut"), kept.is_cut.into());
            }
        }
        pretty(&report)
    }
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        let room = KEPT - self.bytes.len().min(KEPT);
        self.is_cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Closed> {
    to.write_all(bytes).await.map_err(|_| Closed)?;
    to.flush().await.map_err(|_| Closed)
}
