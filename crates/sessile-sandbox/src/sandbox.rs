//! The handle of a running sandbox.

use crate::{
    BoxFuture, Ended, Exec, ExecError, ExecSpec, Exit, FreezeError, HibernateError, Pipes, PortInside, SandboxId,
};
use crate::{StateSink, Usage};
use sessile_link::Loopback;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a server may take to end by itself once its standard input has ended, before it gets SIGTERM.
const EOF_PATIENCE: Duration = Duration::from_millis(500);

/// What a driver lets a handle do to its sandbox. None of it waits.
pub(crate) trait Grip: Send + Sync {
    /// Closes the driver's own copy of the server's standard input.
    fn close_stdin(&self);
    /// Sends SIGTERM to the server.
    fn terminate(&self);
    /// Kills the whole tree.
    fn kill(&self);
    /// What the tree has used.
    fn usage(&self) -> Usage;
    /// A non-blocking TCP socket of the sandbox's network that is connecting to a port of its loopback. A driver that has no
    /// way in leaves it at that.
    fn connect(&self, _to: Loopback, _port: u16) -> BoxFuture<'static, io::Result<OwnedFd>> {
        Box::pin(async {
            Err(io::Error::new(io::ErrorKind::Unsupported, "this driver reaches no port of its sandboxes"))
        })
    }
    /// Runs a further command inside.
    fn exec(&self, spec: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>>;
    /// See [`Sandbox::hibernate`].
    fn hibernate(&self, _into: StateSink, _beside: PathBuf) -> BoxFuture<'static, Result<String, HibernateError>> {
        Box::pin(std::future::ready(Err(HibernateError::Unsupported)))
    }
    /// See [`Sandbox::freeze`].
    fn freeze(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        Box::pin(std::future::ready(Err(FreezeError::none())))
    }
    /// See [`Sandbox::thaw`].
    fn thaw(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        Box::pin(std::future::ready(Err(FreezeError::none())))
    }
}

/// A running sandbox. The handle is its life: dropping it kills the whole process tree and removes everything of it, in the
/// background where it must wait.
pub struct Sandbox {
    id: SandboxId,
    pid: i32,
    notes: Vec<String>,
    pipes: Mutex<Option<Pipes>>,
    egress: Option<OwnedFd>,
    grip: Arc<dyn Grip>,
    ended: watch::Receiver<Option<Ended>>,
    is_copy: bool,
}

/// What a driver hands over when a server runs.
pub(crate) struct Running {
    pub(crate) id: SandboxId,
    pub(crate) pid: i32,
    pub(crate) notes: Vec<String>,
    pub(crate) pipes: Pipes,
    pub(crate) egress: Option<OwnedFd>,
    pub(crate) grip: Arc<dyn Grip>,
    pub(crate) ended: watch::Receiver<Option<Ended>>,
}

impl Sandbox {
    pub(crate) fn new(running: Running) -> Self {
        let Running { id, pid, notes, pipes, egress, grip, ended } = running;
        Self { id, pid, notes, pipes: Mutex::new(Some(pipes)), egress, grip, ended, is_copy: false }
    }

    /// The same, of a machine that is a copy.
    pub(crate) fn into_copy(mut self) -> Self {
        self.is_copy = true;
        self
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &SandboxId {
        &self.id
    }

    /// The process id on the host of the sandbox's first process (init, or with `--isolation none` the server itself).
    /// For showing only: by the time anybody uses it, it may be another process's.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is a machine that was copied from a template, and not booted.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.is_copy
    }

    /// What is less than was asked for, in words for the operator: an overlay that the kernel refused, a limit that nothing enforces.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The server's standard streams; once.
    pub fn take_pipes(&mut self) -> Option<Pipes> {
        self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The socket that listens inside for the gate, once: TCP, non-blocking and close-on-exec. `None` unless
    /// [`Network::Gate`](crate::Network::Gate) was asked for, and never without isolation: then there is nothing to lead out of.
    ///
    /// It holds the sandbox's network namespace: whoever has it drops it when the session ends.
    pub fn take_egress(&mut self) -> Option<OwnedFd> {
        self.egress.take()
    }

    /// Whether [`take_egress`](Self::take_egress) gives something.
    #[must_use]
    pub fn leads_out(&self) -> bool {
        self.egress.is_some()
    }

    /// A port of the sandbox's loopback, to connect to what listens there.
    #[must_use]
    pub fn port(&self, number: u16) -> PortInside {
        PortInside::new(Arc::clone(&self.grip), number)
    }

    /// Lets the server see the end of its standard input, as soon as the caller has dropped [`Pipes::stdin`] too. Pipes
    /// that were not taken are given up.
    pub fn close_stdin(&self) {
        drop(self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.grip.close_stdin();
    }

    /// The end of the sandbox, for anybody to wait for. When it resolves, every process is gone and every cgroup removed.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            let lost = Ended { exit: Exit::Lost, usage: Usage::default() };
            match ended.wait_for(Option::is_some).await {
                Ok(value) => value.clone().unwrap_or(lost),
                Err(_) => lost, // the tokio runtime is going, and everything with it
            }
        }
    }

    /// What the whole tree has used until now, or had when it ended.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let ended = self.ended.borrow().as_ref().map(|ended| ended.usage);
        ended.unwrap_or_else(|| self.grip.usage())
    }

    /// Runs a further command inside, confined exactly as the server is. Resolves once its program runs. Must be polled inside a tokio
    /// runtime. Dropping the future gives the start up.
    ///
    /// The future does not borrow the sandbox; when the sandbox ends, so does the command.
    ///
    /// # Errors
    /// [`ExecError`] when it was not run; nothing is left of it then.
    pub fn exec(&self, spec: ExecSpec) -> impl Future<Output = Result<Exec, ExecError>> + Send + use<> {
        let has_ended = self.ended.borrow().is_some();
        let exec = (!has_ended).then(|| self.grip.exec(spec));
        async move {
            match exec {
                Some(exec) => exec.await,
                None => Err(ExecError::Ended),
            }
        }
    }

    /// Writes the sandbox down into `into`, shuts that down, and if that went well ends the sandbox. When it resolves with a text, everything
    /// the server has said is in the pipes (to be read to their end), and nothing of the sandbox runs any more; text and state are what
    /// [`Driver::wake`](crate::Driver::wake) takes. The pipes are to be read meanwhile: what the server says last must find room.
    ///
    /// `beside` is a place where nothing is yet, on the file system that keeps the state: the driver may make a directory there, with what it
    /// needs of the host to wake the sandbox. It is to be kept and removed with the state, whatever comes of this.
    ///
    /// Nobody may write to the server meanwhile: such bytes may be lost. Dropping the future ends the sandbox, or leaves it running.
    ///
    /// # Errors
    /// [`HibernateError`]; what was written is worth nothing then, and the sandbox goes on as before or has ended.
    pub fn hibernate(
        &self,
        into: impl AsyncWrite + Send + Unpin + 'static,
        beside: PathBuf,
    ) -> BoxFuture<'static, Result<String, HibernateError>> {
        match self.ended.borrow().clone() {
            Some(ended) => Box::pin(std::future::ready(Err(HibernateError::Ended(ended)))),
            None => self.grip.hibernate(Box::new(into), beside),
        }
    }

    /// Stops every process of the sandbox where it is, until [`thaw`](Self::thaw). Its memory is given back to the host as far as the
    /// kernel does that. Killing it works as ever; of everything else, thaw it first.
    ///
    /// # Errors
    /// [`FreezeError`]; the sandbox goes on as before then, or has ended.
    pub fn freeze(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        self.unless_ended(|grip| grip.freeze())
    }

    /// Lets a frozen sandbox go on. Nothing happens to one that is not frozen.
    ///
    /// # Errors
    /// [`FreezeError`]; the sandbox is as it was, or has ended.
    pub fn thaw(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        self.unless_ended(|grip| grip.thaw())
    }

    fn unless_ended(
        &self,
        act: impl FnOnce(&dyn Grip) -> BoxFuture<'static, Result<(), FreezeError>>,
    ) -> BoxFuture<'static, Result<(), FreezeError>> {
        let has_ended = self.ended.borrow().is_some();
        if has_ended { Box::pin(std::future::ready(Err(FreezeError::Ended))) } else { act(&*self.grip) }
    }

    /// Ends the sandbox: the server's standard input ends, then after at most 500 ms (or half of `grace`) SIGTERM, then after
    /// `grace` the whole tree is killed. Resolves when everything is gone; that takes no longer than `grace` and 2 s.
    pub async fn stop(&self, grace: Duration) -> Ended {
        let patience = EOF_PATIENCE.min(grace / 2);
        self.close_stdin();
        if grace.is_zero() {
            self.kill();
            return self.ended().await;
        }
        if let Ok(ended) = timeout(patience, self.ended()).await {
            return ended;
        }
        self.grip.terminate();
        if let Ok(ended) = timeout(grace.saturating_sub(patience), self.ended()).await {
            return ended;
        }
        self.kill();
        self.ended().await
    }

    /// Sends SIGTERM to the server, for one that does not end with its standard input.
    pub fn terminate(&self) {
        self.grip.terminate();
    }

    /// Kills the whole tree, now. [`ended`](Self::ended) tells when it is gone.
    pub fn kill(&self) {
        self.grip.kill();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("id", &self.id).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.grip.kill();
    }
}
