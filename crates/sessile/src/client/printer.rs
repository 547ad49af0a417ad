//! The one place of the client commands that prints: results on stdout, everything else on stderr.
//!
//! On a terminal, progress is one line that is drawn again in place; whatever else is printed clears it first.

use crate::client::table::cut;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Erases the current line of a terminal and goes to its start.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Where a command prints. What it is given must be safe for a terminal already ([`super::escape`]).
pub(crate) struct Printer {
    screen: Mutex<Screen>,
}

struct Screen {
    results: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    /// Whether notes go to a terminal, on which a line can be drawn again.
    live: bool,
    /// The progress line last given.
    progress: Option<String>,
    /// Whether that line is on the screen now.
    drawn: bool,
    /// While a question is open, no progress is drawn under the user's hands.
    asking: bool,
    /// The prompt that the user types at now.
    prompt: Option<String>,
}

impl Printer {
    /// Prints to this process's own stdout and stderr.
    pub(crate) fn new() -> Self {
        let live = io::stderr().is_terminal();
        Self::on(Box::new(io::stdout()), Box::new(io::stderr()), live)
    }

    fn on(results: Box<dyn Write + Send>, notes: Box<dyn Write + Send>, live: bool) -> Self {
        Self {
            screen: Mutex::new(Screen {
                results,
                notes,
                live,
                progress: None,
                drawn: false,
                asking: false,
                prompt: None,
            }),
        }
    }

    /// A result, on stdout. A stdout that was closed (`| head`) is no error.
    pub(crate) fn result(&self, text: &str) {
        self.with(|screen| {
            screen.clear();
            let _ = writeln!(screen.results, "{text}");
            let _ = screen.results.flush();
        });
    }

    /// Something a person should know, on stderr.
    pub(crate) fn note(&self, text: &str) {
        self.aside(&format!("sessile: {text}"));
    }

    /// A line of stderr without a prefix: a log message of the server, a part of a question.
    pub(crate) fn aside(&self, text: &str) {
        self.with(|screen| {
            screen.clear();
            let _ = writeln!(screen.notes, "{text}");
            screen.show_prompt();
            screen.draw();
        });
    }

    /// Progress: one updating line on a terminal, a plain line elsewhere.
    pub(crate) fn progress(&self, text: &str) {
        self.with(|screen| {
            if screen.live {
                screen.progress = Some(text.replace('\n', " "));
                screen.draw();
            } else {
                let _ = writeln!(screen.notes, "progress: {text}");
            }
        });
    }

    /// Whether progress is drawn on a terminal.
    pub(crate) fn is_live(&self) -> bool {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).live
    }

    /// The progress line is done with.
    pub(crate) fn progress_ends(&self) {
        self.with(|screen| {
            screen.clear();
            screen.progress = None;
        });
    }

    /// A prompt at the start of a line; what the user types comes after it. Progress stays off until [`Self::asked`].
    pub(crate) fn prompt(&self, text: &str) {
        self.with(|screen| {
            screen.clear();
            screen.asking = true;
            screen.prompt = Some(text.to_owned());
            let _ = write!(screen.notes, "{text}");
            let _ = screen.notes.flush();
        });
    }

    /// The user ended the line.
    pub(crate) fn typed(&self) {
        self.with(|screen| screen.prompt = None);
    }

    /// The question is over, answered or taken back.
    pub(crate) fn asked(&self) {
        self.with(|screen| {
            if screen.prompt.take().is_some() {
                let _ = writeln!(screen.notes);
            }
            screen.asking = false;
        });
    }

    fn with(&self, f: impl FnOnce(&mut Screen)) {
        f(&mut self.screen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Screen {
    fn clear(&mut self) {
        if self.drawn || (self.live && self.prompt.is_some()) {
            let _ = write!(self.notes, "{CLEAR_LINE}");
            let _ = self.notes.flush();
            self.drawn = false;
        }
    }

    fn show_prompt(&mut self) {
        if let Some(prompt) = &self.prompt {
            let _ = write!(self.notes, "{prompt}");
            let _ = self.notes.flush();
        }
    }

    fn draw(&mut self) {
        if self.asking || !self.live {
            return;
        }
        if let Some(text) = &self.progress {
            // A line that wraps could not be cleared again.
            let room = stderr_width().unwrap_or(80).saturating_sub(1);
            let _ = write!(self.notes, "{CLEAR_LINE}{}", cut(text, room));
            let _ = self.notes.flush();
            self.drawn = true;
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Columns of the terminal on stdout; `None` when stdout is none.
pub(crate) fn stdout_width() -> Option<usize> {
    width_of(&io::stdout())
}

fn stderr_width() -> Option<usize> {
    width_of(&io::stderr())
}

fn width_of(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(test)]
pub(crate) mod tests;
