//! How long a call waits for a server that says nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The clock behind `--timeout`: it starts again with everything the server says, and stands still while the
/// user (or the command that samples) thinks about a question of the server.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    state: Mutex<Heard>,
}

#[derive(Debug)]
struct Heard {
    last: Instant,
    questions: usize,
    over: bool,
}

/// While this lives, a question of the server is open.
#[derive(Debug)]
pub(crate) struct OpenQuestion(Arc<Patience>);

impl Patience {
    pub(crate) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::new(Heard { last: Instant::now(), questions: 0, over: false }) })
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// The server said something.
    pub(crate) fn heard(&self) {
        self.with(|heard| heard.last = Instant::now());
    }

    /// The server asked something; the clock stands still until the answer drops this.
    pub(crate) fn question(self: &Arc<Self>) -> OpenQuestion {
        self.with(|heard| heard.questions = heard.questions.saturating_add(1));
        OpenQuestion(Arc::clone(self))
    }

    /// The call was given up: what the server still says is of no interest.
    pub(crate) fn give_up(&self) {
        self.with(|heard| heard.over = true);
    }

    /// Whether the call was given up.
    pub(crate) fn is_over(&self) -> bool {
        self.with(|heard| heard.over)
    }

    /// Returns once nothing was heard for the limit.
    pub(crate) async fn run_out(&self) {
        loop {
            let (last, open) = self.with(|heard| (heard.last, heard.questions > 0));
            let from = if open { Instant::now() } else { last };
            // A limit too long for the clock is no limit.
            let Some(end) = from.checked_add(self.limit) else { return std::future::pending().await };
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Heard) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for OpenQuestion {
    fn drop(&mut self) {
        self.0.with(|heard| {
            heard.questions = heard.questions.saturating_sub(1);
            heard.last = Instant::now();
        });
    }
}

#[cfg(test)]
mod tests;
