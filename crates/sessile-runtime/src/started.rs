//! A sandbox whose server process runs and has been told nothing yet. Whether a session waits for it or not makes no
//! difference to it.

mod over_http;

use crate::egress::{Reach, WayOut};
use crate::estate::Estate;
use crate::hosted::Hosted;
use crate::input::{Input, Kept};
use crate::lines::Lines;
use crate::memory::Epoch;
use crate::peer::{Broken, Conversation};
use crate::pump::{Outputs, Stdout};
use crate::session_id::SessionName;
use crate::stderr::{self, Tail};
use crate::workspace::HeldWorkspace;
use bytes::Bytes;
use sessile_sandbox::{Network, Pipes, Sandbox};
use sessile_telemetry::Telemetry;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::unix::pipe;
use tokio_util::task::AbortOnDropHandle;

#[derive(Debug)]
pub(crate) struct Started {
    /// The name of the sandbox, and of the session that it is for or will become.
    pub(crate) name: SessionName,
    /// What was known of the server when it was started.
    pub(crate) since: Epoch,
    pub(crate) sandbox: Sandbox,
    /// What another runtime will find, should this one be killed.
    pub(crate) estate: Option<Arc<Estate>>,
    pub(crate) input: Input,
    pub(crate) outputs: Outputs,
    /// What it has written to stderr, which is read from the first moment on.
    pub(crate) stderr: Arc<Tail>,
    /// The end of its way out.
    pub(crate) way_out: Option<WayOut>,
}

/// Why there is no server to talk to, in words for the operator. Nothing is left of it.
#[derive(Debug, Default)]
pub(crate) struct NotStarted {
    pub(crate) reason: String,
    /// The last it wrote, if it ran.
    pub(crate) stderr_tail: String,
}

impl From<String> for NotStarted {
    fn from(reason: String) -> Self {
        Self { reason, stderr_tail: String::new() }
    }
}

/// A sandbox, and what was before it came here.
pub(crate) struct Origin<'a> {
    pub(crate) name: SessionName,
    pub(crate) since: Epoch,
    pub(crate) sandbox: Sandbox,
    pub(crate) estate: Option<Arc<Estate>>,
    /// What its gate leads to, if it has one.
    pub(crate) reach: Option<&'a Reach>,
    /// `None` for one that was just started.
    pub(crate) before: Option<Before>,
}

/// What passed between a server and the runtime before this one.
#[derive(Debug)]
pub(crate) struct Before {
    /// What was to be written to it and was not.
    pub(crate) unsent: Bytes,
    /// Bytes of what it said that are done with.
    pub(crate) heard: u64,
    /// What was read of it after those; `None` where its sandbox has kept that.
    pub(crate) rest: Option<Bytes>,
    /// The conversation with a server that speaks HTTP, and what of it broke off.
    pub(crate) conversation: Option<(Conversation, Vec<Broken>)>,
}

impl Started {
    /// Starts a sandbox of `server` called `name`, with the workspace that its principal keeps, if it has one. A server that speaks
    /// HTTP is waited for until it does.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) async fn start(
        server: &Hosted,
        name: SessionName,
        workspace: Option<&HeldWorkspace>,
        telemetry: &Telemetry,
    ) -> Result<Self, NotStarted> {
        let began = Instant::now();
        let since = server.memory().epoch();
        if let Some(endpoint) = server.endpoint().filter(|_| !server.has_own_ports()) {
            over_http::must_be_free(endpoint.port.get()).await?;
        }
        let estate = server.new_estate()?;
        // Looked at once: the list may be changed meanwhile.
        let reach = server.reach();
        let network = if reach.is_some() { Network::Gate } else { Network::Loopback };
        let sandbox = server.start_sandbox(&name, estate.as_deref(), workspace, network).await?;
        let origin = Origin { name, since, sandbox, estate, reach, before: None };
        match server.endpoint() {
            None => Ok(Self::with(server, origin, telemetry)?),
            Some(endpoint) => Self::over_http(server, endpoint, origin, began, telemetry).await,
        }
    }

    /// What a sandbox consists of whose server runs, in this runtime or since one before it.
    ///
    /// # Errors
    /// What went wrong, in words for the operator.
    pub(crate) fn with(server: &Hosted, origin: Origin<'_>, telemetry: &Telemetry) -> Result<Self, String> {
        let Origin { name, since, mut sandbox, estate, reach, before } = origin;
        if let Some(Before { unsent, conversation: Some((conversation, rest)), .. }) = before {
            let origin = Origin { name, since, sandbox, estate, reach, before: None };
            return Self::again_over_http(server, origin, conversation, rest, unsent, telemetry);
        }
        let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().ok_or("the sandbox has no pipes")?;
        let way_out = WayOut::take(&mut sandbox, reach)?;
        let failed = |error: io::Error| format!("the server's pipes cannot be watched: {error}");
        let stdin = pipe::Sender::from_owned_fd(stdin).map_err(failed)?;
        let stdout = pipe::Receiver::from_owned_fd(stdout).map_err(failed)?;
        let output = Output::of(server, &name, estate.as_deref(), telemetry);
        let tail = Arc::clone(&output.tail);
        let log = output.log(stderr).map_err(failed)?;
        // A whole message may wait, and as much again of smaller ones.
        let kept = estate.clone().map_or(Kept::Nothing, Kept::Written);
        let mut input = Input::new(stdin, server.message_limit().saturating_mul(2), kept);
        let mut lines = Lines::new(server.message_limit());
        let mut inbox = estate.as_ref().map(|estate| estate.inbox());
        if let Some(Before { unsent, heard, rest, .. }) = before {
            input.push(unsent);
            lines = Lines::after(server.message_limit(), heard);
            match (rest, &mut inbox) {
                (None, Some(inbox)) => lines.buffer().extend_from_slice(&inbox.rest(heard)),
                (Some(rest), inbox) => {
                    lines.buffer().extend_from_slice(&rest);
                    if let Some(inbox) = inbox {
                        inbox.begin(heard, &rest);
                    }
                }
                (None, None) => {}
            }
        }
        let outputs = Outputs { stdout: Stdout::new(stdout, lines, inbox), stderr: log, peer: None };
        Ok(Self { name, since, sandbox, estate, input, outputs, stderr: tail, way_out })
    }
}

/// Where what a server writes for people goes.
struct Output {
    tail: Arc<Tail>,
    source: stderr::Source,
}

impl Output {
    fn of(server: &Hosted, name: &SessionName, estate: Option<&Estate>, telemetry: &Telemetry) -> Self {
        let source = stderr::Source {
            server: Arc::clone(server.shared_name()),
            session: name.as_str().into(),
            stream: "stderr",
            telemetry: telemetry.clone(),
        };
        Self { tail: Arc::new(Tail::of(estate)), source }
    }

    fn log(self, stderr: OwnedFd) -> io::Result<AbortOnDropHandle<()>> {
        let stderr = pipe::Receiver::from_owned_fd(stderr)?;
        Ok(AbortOnDropHandle::new(tokio::spawn(stderr::read(stderr, self.tail, self.source))))
    }

    /// Of a server that speaks HTTP, stdout is for people too.
    fn log_both(self, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<AbortOnDropHandle<()>> {
        let (stdout, stderr) = (pipe::Receiver::from_owned_fd(stdout)?, pipe::Receiver::from_owned_fd(stderr)?);
        let source = stderr::Source { stream: "stdout", ..self.source.clone() };
        let stdout = stderr::read(stdout, Arc::clone(&self.tail), source);
        let stderr = stderr::read(stderr, self.tail, self.source);
        Ok(AbortOnDropHandle::new(tokio::spawn(async {
            tokio::join!(stdout, stderr);
        })))
    }
}
