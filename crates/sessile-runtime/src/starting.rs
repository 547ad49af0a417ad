//! How a session comes by its sandbox: a place, a share of the node, and a server that runs, warm or cold.

use crate::admission::{Permit, ServerLimits};
use crate::error::OpenError;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::session_id::SessionName;
use crate::started::{NotStarted, Started};
use crate::workspace::{HeldWorkspace, KeptWorkspaces};
use sessile_identity::Principal;
use sessile_telemetry::{Event, StartKind};
use std::sync::Arc;

/// What a session starts from.
pub(crate) struct Ready {
    pub(crate) started: Started,
    pub(crate) permit: Permit,
    /// The workspace that its principal keeps, if it has one.
    pub(crate) workspace: Option<HeldWorkspace>,
    pub(crate) kind: StartKind,
}

impl Node {
    /// A sandbox of `server` for a session of `principal`: one that is warm, else one that is started as soon as the node
    /// has room for it.
    ///
    /// # Errors
    /// When a limit is reached, the node gets no room in time or ends, or the sandbox cannot be started.
    pub(crate) async fn ready(&self, server: &Arc<Hosted>, principal: &Principal) -> Result<Ready, OpenError> {
        let limits = server.limits();
        let limits = ServerLimits { sessions: limits.sessions, sessions_per_principal: limits.sessions_per_principal };
        let place = self.admission.place(server.shared_name(), principal, limits)?;
        let _underway = self.pools.underway();
        if let Some(member) = self.pools.take(server) {
            let (started, share) = member.into_parts();
            self.tell_start(server, &started.name, principal);
            return Ok(Ready { started, permit: Permit::new(place, share), workspace: None, kind: StartKind::Warm });
        }
        let name = SessionName::random().map_err(|error| OpenError::NoRandomness(error.to_string()))?;
        // Before a share of the node, which somebody else could use meanwhile.
        let workspace = match server.workspaces() {
            Some(kept) => Some(self.workspace(server, kept, principal, &name).await?),
            None => None,
        };
        let amount = server.amount();
        let share = self.admission.share(principal, amount, || self.pools.make_room(amount)).await?;
        if !self.is_accepting() {
            return Err(OpenError::Draining);
        }
        self.tell_start(server, &name, principal);
        let started = Started::start(server, name.clone(), workspace.as_ref(), &self.telemetry).await;
        let started = started.map_err(|not_started| {
            let NotStarted { reason, stderr_tail } = not_started;
            server.start_failed(&reason);
            self.telemetry.emit(&Event::StartFailed { server: server.name(), session: name.as_str(), error: &reason });
            OpenError::StartFailed { reason, stderr_tail }
        })?;
        let kind = if started.sandbox.is_copy() { StartKind::Template } else { StartKind::Cold };
        Ok(Ready { started, permit: Permit::new(place, share), workspace, kind })
    }

    /// The workspace that `principal` keeps. Waits for it as long as a start may take.
    async fn workspace(
        &self,
        server: &Hosted,
        kept: &KeptWorkspaces,
        principal: &Principal,
        name: &SessionName,
    ) -> Result<HeldWorkspace, OpenError> {
        let taken = kept.take(principal, name, server.limits().start_timeout, || self.is_accepting()).await;
        taken.inspect_err(|error| {
            let (server, session) = (server.name(), name.as_str());
            if let OpenError::WorkspaceFull { directory, .. } = error {
                let directory = directory.display();
                tracing::warn!(target: "sessile::runtime", server, %directory, "holds more than twice `limits.disk`");
            }
            self.telemetry.emit(&Event::StartFailed { server, session, error: &error.to_string() });
        })
    }

    fn tell_start(&self, server: &Hosted, name: &SessionName, principal: &Principal) {
        self.telemetry.emit(&Event::SessionStarting {
            server: server.name(),
            session: name.as_str(),
            principal: &principal.id().to_string(),
        });
    }
}
