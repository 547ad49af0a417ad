//! A sandbox whose server process runs and has been told nothing yet. Whether a session waits for it or not makes no
//! difference to it.

use crate::egress::WayOut;
use crate::hosted::Hosted;
use crate::input::Input;
use crate::memory::Epoch;
use crate::pump::Outputs;
use crate::session_id::SessionName;
use crate::stderr::{self, Tail};
use crate::workspace::HeldWorkspace;
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
    pub(crate) input: Input,
    pub(crate) outputs: Outputs,
    /// What it has written to stderr, which is read from the first moment on.
    pub(crate) stderr: Arc<Tail>,
    /// The end of its way out, which nobody serves yet.
    pub(crate) way_out: Option<WayOut>,
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
        // Looked at once: the list may be changed meanwhile.
        let reach = server.reach();
        let network = if reach.is_some() { Network::Gate } else { Network::Loopback };
        let mut sandbox = server.start_sandbox(&name, workspace, network).await?;
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
        let input = Input::new(stdin, server.message_limit().saturating_mul(2));
        Ok(Self { name, since, sandbox, input, outputs: Outputs { stdout, stderr: reader }, stderr, way_out })
    }
}
