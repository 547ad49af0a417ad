//! A further command in a sandbox that runs, confined exactly as its server is: for an operator who looks inside.

mod error;
mod terminal;

pub use error::ExecError;
pub use sessile_link::WindowSize;
pub use terminal::Terminal;

use crate::{Exit, Pipes};
use sessile_link::ExecRequest;
use std::fmt;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct ExecSpec {
    /// The program and its arguments. A program without a slash is searched in `PATH` of the environment, inside the sandbox.
    pub command: Vec<String>,
    /// Variables beside those of the server, or instead of them.
    pub env: Vec<(String, String)>,
    /// Its working directory, as seen inside, absolute; without it, the server's.
    pub cwd: Option<PathBuf>,
    /// The size of its terminal; without it, it gets three pipes.
    pub terminal: Option<WindowSize>,
}

impl ExecSpec {
    /// As it travels.
    pub(crate) fn into_request(self) -> Result<ExecRequest, ExecError> {
        let Self { command, env, cwd, terminal } = self;
        let cwd = cwd.map(|cwd| match cwd.to_str() {
            Some(text) if cwd.is_absolute() => Ok(text.to_owned()),
            _ => Err(ExecError::Invalid {
                what: format!("the working directory `{}` is not an absolute path inside the sandbox", cwd.display()),
            }),
        });
        Ok(ExecRequest { command, env, cwd: cwd.transpose()?, terminal })
    }
}

/// The runtime's ends of a command's standard streams, non-blocking and close-on-exec.
#[derive(Debug)]
pub enum Streams {
    /// A pipe for each.
    Pipes(Pipes),
    /// A terminal for all of them: what is written to this end is typed, what is read stands on the screen. [`Terminal`] reads and
    /// writes it.
    Terminal(OwnedFd),
}

/// What a driver lets a handle do to its command. None of it waits.
pub(crate) trait ExecGrip: Send + Sync {
    /// Gives its terminal another size.
    fn resize(&self, size: WindowSize);
    /// Kills it, and everything in its terminal session.
    fn kill(&self);
}

/// A running command. Dropping the handle kills it, with everything in its terminal session; what has left that ends with the
/// sandbox. It ends with the sandbox in any case.
pub struct Exec {
    streams: Option<Streams>,
    grip: Arc<dyn ExecGrip>,
    ended: watch::Receiver<Option<Exit>>,
}

impl Exec {
    pub(crate) fn new(streams: Streams, grip: Arc<dyn ExecGrip>, ended: watch::Receiver<Option<Exit>>) -> Self {
        Self { streams: Some(streams), grip, ended }
    }

    /// Its standard streams; once.
    pub fn take_streams(&mut self) -> Option<Streams> {
        self.streams.take()
    }

    /// Gives its terminal another size, which the program in the foreground is told (`SIGWINCH`). Nothing happens without one.
    pub fn resize(&self, size: WindowSize) {
        self.grip.resize(size);
    }

    /// Kills it with everything in its terminal session, now. [`ended`](Self::ended) tells when it is gone.
    pub fn kill(&self) {
        self.grip.kill();
    }

    /// How it ended, for anybody to wait for: with a code, by a signal, or [`Exit::Lost`] if nobody can say.
    pub fn ended(&self) -> impl Future<Output = Exit> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(exit) => exit.unwrap_or(Exit::Lost),
                Err(_) => Exit::Lost, // the tokio runtime is going, and everything with it
            }
        }
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec").field("ended", &*self.ended.borrow()).finish_non_exhaustive()
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.grip.kill();
    }
}
