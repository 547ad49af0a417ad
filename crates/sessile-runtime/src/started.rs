//! A sandbox whose server process runs and has been told nothing yet. Whether a session waits for it or not makes no
//! difference to it.

use crate::egress::{Reach, WayOut};
use crate::estate::Estate;
use crate::hosted::Hosted;
use crate::input::Input;
use crate::lines::Lines;
use crate::memory::Epoch;
use crate::pump::{Outputs, Stdout};
use crate::session_id::SessionName;
use crate::stderr::{self, Tail};
use crate::workspace::HeldWorkspace;
use bytes::Bytes;
use sessile_sandbox::{Network, Pipes, Sandbox};
use sessile_telemetry::Telemetry;
use std::sync::Arc;
use tokio::net::unix::pipe;

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
    /// The end of its way out, which nobody serves yet.
    pub(crate) way_out: Option<WayOut>,
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
}

impl Started {
    /// Starts a sandbox of `server` called `name`, with the workspace that its principal keeps, if it has one.
    ///
    /// # Errors
    /// What went wrong, in words for the operator.
    pub(crate) async fn start(
        server: &Hosted,
        name: SessionName,
        workspace: Option<&HeldWorkspace>,
        telemetry: &Telemetry,
    ) -> Result<Self, String> {
        let since = server.memory().epoch();
        let estate = server.new_estate()?;
        // Looked at once: the list may be changed meanwhile.
        let reach = server.reach();
        let network = if reach.is_some() { Network::Gate } else { Network::Loopback };
        let sandbox = server.start_sandbox(&name, estate.as_deref(), workspace, network).await?;
        Self::with(server, Origin { name, since, sandbox, estate, reach, before: None }, telemetry)
    }

    /// What a sandbox consists of whose server runs, in this runtime or since one before it.
    ///
    /// # Errors
    /// What went wrong, in words for the operator.
    pub(crate) fn with(server: &Hosted, origin: Origin<'_>, telemetry: &Telemetry) -> Result<Self, String> {
        let Origin { name, since, mut sandbox, estate, reach, before } = origin;
        let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().ok_or("the sandbox has no pipes")?;
        let way_out = WayOut::take(&mut sandbox, reach)?;
        let failed = |error: std::io::Error| format!("the server's pipes cannot be watched: {error}");
        let stdin = pipe::Sender::from_owned_fd(stdin).map_err(failed)?;
        let stdout = pipe::Receiver::from_owned_fd(stdout).map_err(failed)?;
        let pipe = pipe::Receiver::from_owned_fd(stderr).map_err(failed)?;
        let stderr = Arc::new(Tail::default());
        let source = stderr::Source {
            server: Arc::clone(server.shared_name()),
            session: name.as_str().into(),
            telemetry: telemetry.clone(),
        };
        let reader = tokio::spawn(stderr::read(pipe, Arc::clone(&stderr), source));
        // A whole message may wait, and as much again of smaller ones.
        let mut input = Input::new(stdin, server.message_limit().saturating_mul(2), estate.clone());
        let mut lines = Lines::new(server.message_limit());
        let mut inbox = estate.as_ref().map(|estate| estate.inbox());
        if let (Some(Before { unsent, heard }), Some(inbox)) = (before, &mut inbox) {
            input.push(unsent);
            lines = Lines::after(server.message_limit(), heard);
            lines.buffer().extend_from_slice(&inbox.rest(heard));
        }
        let outputs = Outputs { stdout: Stdout::new(stdout, lines, inbox), stderr: reader };
        Ok(Self { name, since, sandbox, estate, input, outputs, stderr, way_out })
    }
}
