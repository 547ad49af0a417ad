//! What an operator sees: sessions and servers as plain rows.

use crate::egress::{Egress, EgressView};
use crate::node::Node;
use crate::registry::EndedSession;
use crate::session::{Session, State};
use crate::stop::{PostMortem, StopReason, whole_millis};
use serde::Serialize;

/// A session in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The public name.
    pub name: String,
    /// The server it runs.
    pub server: String,
    /// Who owns it.
    pub principal: String,
    /// What it is doing; `stopped` when it has ended.
    pub state: &'static str,
    /// Age in milliseconds; how long it lived when it has ended.
    pub age_ms: u64,
    /// Requests in flight.
    pub in_flight: usize,
    /// Requests answered.
    pub calls: u64,
    /// The version spoken with the client, once there is one.
    pub protocol: Option<&'static str>,
    /// The version spoken with the server, once it has said who it is.
    pub server_protocol: Option<&'static str>,
    /// Calls among those in flight that wait for their client's input.
    pub parked: usize,
    /// Memory of the sandbox in bytes, where the host can measure it.
    pub memory: Option<u64>,
    /// CPU time in milliseconds, while it lives where the host can measure it.
    pub cpu_ms: Option<u64>,
    /// What it sent to and received from the outside, if its server may reach anything.
    pub egress: Option<EgressView>,
    /// How it ended, when it has.
    pub end: Option<PostMortem>,
}

/// A server in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// Its path on the public listener.
    pub path: String,
    /// What runs.
    pub command: Vec<String>,
    /// Which driver isolates it.
    pub isolation: &'static str,
    /// Live sessions.
    pub sessions: usize,
}

impl SessionView {
    fn live(session: &Session) -> Self {
        let (in_flight, calls) = session.calls();
        let usage = session.usage();
        Self {
            name: session.name.to_string(),
            server: session.server.to_string(),
            principal: session.principal.id().to_string(),
            state: match session.state() {
                State::Starting => "starting",
                State::Active => "active",
                State::Idle => "idle",
                State::Stopping => "stopping",
            },
            age_ms: whole_millis(session.opened.elapsed()),
            in_flight,
            calls,
            protocol: session.client_era().map(sessile_protocol::Era::as_str),
            server_protocol: session.profile().map(|profile| profile.era.as_str()),
            parked: session.parked(),
            memory: usage.and_then(|usage| usage.memory),
            cpu_ms: usage.map(|usage| whole_millis(usage.cpu)),
            egress: session.egress.get().map(Egress::view),
            end: None,
        }
    }

    fn ended(ended: EndedSession) -> Self {
        Self {
            name: ended.name.to_string(),
            server: ended.server.to_string(),
            principal: ended.principal.id().to_string(),
            state: "stopped",
            age_ms: ended.post_mortem.lived_ms,
            in_flight: 0,
            calls: ended.calls,
            protocol: None,
            server_protocol: None,
            parked: 0,
            memory: None,
            cpu_ms: Some(ended.post_mortem.cpu_ms),
            egress: ended.egress,
            end: Some(ended.post_mortem),
        }
    }
}

impl Node {
    /// Live sessions, oldest first, then the ended ones that are remembered, newest first.
    #[must_use]
    pub fn session_views(&self) -> Vec<SessionView> {
        let mut live = self.registry.live();
        live.sort_by_key(|session| session.opened);
        let live = live.iter().map(|session| SessionView::live(session));
        live.chain(self.registry.ended().into_iter().map(SessionView::ended)).collect()
    }

    /// The session with this public name, live or ended.
    #[must_use]
    pub fn session_view(&self, name: &str) -> Option<SessionView> {
        let live = self.registry.live().into_iter().find(|session| session.name.as_str() == name);
        live.map(|session| SessionView::live(&session)).or_else(|| {
            let ended = self.registry.ended().into_iter().find(|ended| ended.name.as_str() == name);
            ended.map(SessionView::ended)
        })
    }

    /// Ends the live session with this public name; `false` when there is none.
    #[must_use]
    pub fn stop_session(&self, name: &str, reason: StopReason) -> bool {
        let session = self.registry.live().into_iter().find(|session| session.name.as_str() == name);
        session.inspect(|session| session.stop(reason)).is_some()
    }

    /// What is hosted.
    #[must_use]
    pub fn server_views(&self) -> Vec<ServerView> {
        let live = self.registry.live();
        self.servers()
            .values()
            .map(|server| ServerView {
                name: server.name().to_owned(),
                path: format!("/{}/mcp", server.name()),
                command: server.command().to_vec(),
                isolation: server.isolation(),
                sessions: live.iter().filter(|session| *session.server == *server.name()).count(),
            })
            .collect()
    }
}
