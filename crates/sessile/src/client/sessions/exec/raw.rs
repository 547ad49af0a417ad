//! This process's own terminal while a command has it: every key goes to the command, and nothing is shown but what it writes.

use crate::client::error::ClientError;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use sessile_front::exec::wire::WindowSize;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The size of a terminal that does not know its own.
const UNKNOWN: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The size of this terminal.
pub(super) fn window_size() -> WindowSize {
    match tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin())) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => WindowSize { rows: size.ws_row, columns: size.ws_col },
        Ok(_) | Err(_) => UNKNOWN,
    }
}

/// A terminal that passes everything on. Dropping it makes it what it was, also when this process panics; signals that would end it
/// are [`Signals`].
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes the terminal on stdin pass everything on. `None` if there is none.
    pub(super) fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Once what was written is shown, and without what was typed ahead for a command that is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Signals that matter while a command has the terminal. Without a terminal they do what they always do.
pub(super) struct Signals {
    resized: Option<Signal>,
    ending: Vec<Signal>,
}

/// What a signal means.
pub(super) enum Came {
    /// The terminal has another size.
    Resized,
    /// This process is to end; the signal's number.
    Ending(i32),
}

/// What ends a process that does not take it. (SIGINT and SIGQUIT are keys, and here come from elsewhere.)
const ENDING: [SignalKind; 4] =
    [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];

impl Signals {
    pub(super) fn new(has_terminal: bool) -> Result<Self, ClientError> {
        if !has_terminal {
            return Ok(Self { resized: None, ending: Vec::new() });
        }
        let taken = |error: io::Error| ClientError::Local(format!("signals cannot be taken: {error}"));
        let ending = ENDING.into_iter().map(signal).collect::<Result<_, _>>().map_err(taken)?;
        Ok(Self { resized: Some(signal(SignalKind::window_change()).map_err(taken)?), ending })
    }

    /// The next one that matters.
    pub(super) async fn next(&mut self) -> Came {
        poll_fn(|cx| {
            if let Poll::Ready(signal) = self.poll_ending(cx) {
                return Poll::Ready(Came::Ending(signal));
            }
            match &mut self.resized {
                Some(resized) => resized.poll_recv(cx).map(|_| Came::Resized),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Resolves when this process is to end, with the signal's number.
    pub(super) async fn ending(&mut self) -> i32 {
        poll_fn(|cx| self.poll_ending(cx)).await
    }

    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<i32> {
        for (signal, kind) in self.ending.iter_mut().zip(ENDING) {
            if signal.poll_recv(cx).is_ready() {
                return Poll::Ready(kind.as_raw_value());
            }
        }
        Poll::Pending
    }
}
