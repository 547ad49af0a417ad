//! Lines that a person types.

use std::io::{self, IsTerminal};
use std::sync::mpsc as sync_mpsc;
use tokio::sync::mpsc;

/// Where typed lines come from.
pub(crate) trait Lines: Send {
    /// The next line without its end; `None` for Ctrl-D.
    fn next_line(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// This process's terminal.
///
/// A read of a terminal cannot be taken back. So a thread reads one line for each line that is wanted, and a
/// question that ends early leaves its read to the next one.
pub(crate) struct Terminal {
    wanted: sync_mpsc::Sender<()>,
    lines: mpsc::Receiver<Option<String>>,
    reading: bool,
}

impl Terminal {
    /// The terminal, when a person can both see questions (stderr) and type answers (stdin).
    pub(crate) fn open() -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let (wanted, wants) = sync_mpsc::channel();
        let (typed, lines) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || {
                while wants.recv().is_ok() {
                    if typed.blocking_send(read_line()).is_err() {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self { wanted, lines, reading: false })
    }
}

impl Lines for Terminal {
    async fn next_line(&mut self) -> Option<String> {
        if !self.reading {
            self.wanted.send(()).ok()?;
            self.reading = true;
        }
        let line = self.lines.recv().await.flatten();
        self.reading = false;
        line
    }
}

fn read_line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end_matches(['\n', '\r']).to_owned()),
    }
}
