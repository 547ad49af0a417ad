//! What an operator sees: sessions and servers as plain rows.

use crate::chronicle::Told;
use crate::egress::{Egress, EgressView};
use crate::hosted::Hosted;
use crate::node::Node;
use crate::pool::Member;
use crate::registry::{EndedSession, Everyone, Standing};
use crate::session::{Session, State};
use crate::sleep::Asleep;
use crate::states::unix_millis;
use crate::stop::{PostMortem, StopReason, whole_millis};
use serde::Serialize;
use sessile_store::SessionRow;
use std::collections::HashSet;

/// A session in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The public name.
    pub name: String,
    /// The server it runs.
    pub server: String,
    /// Who owns it; nobody while it is warm.
    pub principal: Option<String>,
    /// What it is doing; `stopped` when it has ended, `warm` while it waits in a pool.
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
    /// Operators' commands that run in it.
    pub execs: usize,
    /// Memory of the sandbox in bytes, where the host can measure it.
    pub memory: Option<u64>,
    /// CPU time in milliseconds, while it lives where the host can measure it.
    pub cpu_ms: Option<u64>,
    /// What it sent to and received from the outside, if its server may reach anything.
    pub egress: Option<EgressView>,
    /// How it rests, if it does.
    pub rest: Option<RestView>,
    /// How often it came back from rest.
    pub wakes: u64,
    /// How it ended, when it has.
    pub end: Option<PostMortem>,
}

/// How a session rests.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RestView {
    /// `disk` or `frozen`.
    pub kind: &'static str,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Bytes of its file; none for one that is frozen.
    pub bytes: Option<u64>,
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
    /// Sandboxes that wait to become sessions.
    pub warm: usize,
}

/// What the node has for its sessions, what is taken of it, and who waits for more.
#[derive(Clone, Debug, Serialize)]
pub struct NodeView {
    /// Sandboxes, those that are warm included.
    pub sessions: UseView<u32>,
    /// Bytes that they may use at most.
    pub memory: UseView<u64>,
    /// Processors that they may use at most, in cores.
    pub cpu: UseView<f64>,
    /// Sandboxes among them that wait to become sessions.
    pub warm: usize,
    /// Starts that wait for room.
    pub waiting: usize,
    /// How many may.
    pub queue: usize,
    /// How long each may, in milliseconds.
    pub queue_timeout_ms: u64,
}

/// One budget.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UseView<T> {
    /// What is taken.
    pub taken: T,
    /// What there is; none where it is not counted.
    pub limit: Option<T>,
}

impl SessionView {
    fn live(session: &Session) -> Self {
        let (in_flight, calls) = session.calls();
        let usage = session.usage();
        let (frozen_since, wakes) = session.rest_view();
        let rest =
            frozen_since.map(|since| RestView { kind: "frozen", for_ms: whole_millis(since.elapsed()), bytes: None });
        Self {
            name: session.name.to_string(),
            server: session.server.to_string(),
            principal: Some(session.principal.id().to_string()),
            state: match session.state() {
                State::Starting => "starting",
                State::Active | State::Idle if rest.is_some() => "hibernated",
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
            execs: session.execs(),
            memory: usage.and_then(|usage| usage.memory),
            cpu_ms: usage.map(|usage| whole_millis(usage.cpu)),
            egress: session.egress.get().map(Egress::view),
            rest,
            wakes,
            end: None,
        }
    }

    fn asleep(asleep: &Asleep) -> Self {
        let now = unix_millis();
        let rest = RestView { kind: "disk", for_ms: now.saturating_sub(asleep.since_ms), bytes: Some(asleep.bytes) };
        Self {
            name: asleep.name.to_string(),
            server: asleep.server.name().to_owned(),
            principal: Some(asleep.principal.id().to_string()),
            state: "hibernated",
            age_ms: now.saturating_sub(asleep.opened_ms),
            in_flight: asleep.parked,
            calls: asleep.calls,
            protocol: None,
            server_protocol: None,
            parked: asleep.parked,
            execs: 0,
            memory: None,
            cpu_ms: None,
            egress: None,
            rest: Some(rest),
            wakes: asleep.wakes,
            end: None,
        }
    }

    fn warm(server: &Hosted, member: &Member) -> Self {
        let usage = member.usage();
        Self {
            name: member.name().to_string(),
            server: server.name().to_owned(),
            principal: None,
            state: "warm",
            age_ms: whole_millis(member.born().elapsed()),
            in_flight: 0,
            calls: 0,
            protocol: None,
            server_protocol: None,
            parked: 0,
            execs: 0,
            memory: usage.memory,
            cpu_ms: Some(whole_millis(usage.cpu)),
            egress: None,
            rest: None,
            wakes: 0,
            end: None,
        }
    }

    fn ended(ended: EndedSession) -> Self {
        Self {
            name: ended.name.to_string(),
            server: ended.server.to_string(),
            principal: Some(ended.principal.id().to_string()),
            state: "stopped",
            age_ms: ended.post_mortem.lived_ms,
            in_flight: 0,
            calls: ended.calls,
            protocol: None,
            server_protocol: None,
            parked: 0,
            execs: 0,
            memory: None,
            cpu_ms: Some(ended.post_mortem.cpu_ms),
            egress: ended.egress,
            rest: None,
            wakes: 0,
            end: Some(ended.post_mortem),
        }
    }
}

impl SessionView {
    /// A session of which only the ledger knows; `None` while it has not ended.
    fn told(row: SessionRow) -> Option<Self> {
        let end = row.end?;
        let Told { post_mortem, egress } = serde_json::from_str(&end.post_mortem).ok()?;
        Some(Self {
            name: row.name,
            server: row.server,
            principal: Some(row.principal),
            state: "stopped",
            age_ms: post_mortem.lived_ms,
            in_flight: 0,
            calls: end.calls,
            protocol: None,
            server_protocol: None,
            parked: 0,
            execs: 0,
            memory: None,
            cpu_ms: Some(post_mortem.cpu_ms),
            egress,
            rest: None,
            wakes: 0,
            end: Some(post_mortem),
        })
    }
}

impl Node {
    /// Live sessions, oldest first, then those that sleep on the disk, then those that are kept warm, then the ended ones that are remembered, newest first.
    #[must_use]
    pub fn session_views(&self) -> Vec<SessionView> {
        // Before the others: one that is taken meanwhile is a session there already.
        let mut warm = self.warm_views();
        let Everyone { mut live, mut asleep, ended } = self.registry.everyone();
        live.sort_by_key(|session| session.opened);
        asleep.sort_by_key(|asleep| asleep.opened_ms);
        warm.retain(|view| live.iter().all(|session| session.name.as_str() != view.name));
        let live = live.iter().map(|session| SessionView::live(session));
        let asleep = asleep.iter().map(|asleep| SessionView::asleep(asleep));
        let mut views: Vec<_> = live.chain(asleep).chain(warm).collect();
        let (room, live) = (self.registry.ended_kept(), views.len());
        views.extend(ended.into_iter().map(SessionView::ended));
        // Of nodes before this one.
        let known: HashSet<_> = views.iter().map(|view| view.name.clone()).collect();
        let told = self.chronicle.as_ref().map(|chronicle| chronicle.ends(room)).unwrap_or_default();
        let told = told.into_iter().filter(|row| !known.contains(&row.name)).filter_map(SessionView::told);
        views.extend(told);
        views.truncate(live + room);
        views
    }

    /// The session with this public name, live, asleep, warm or ended.
    #[must_use]
    pub fn session_view(&self, name: &str) -> Option<SessionView> {
        let warm = self.warm_views().into_iter().find(|view| view.name == name);
        match self.registry.called(name) {
            Some(Standing::Live(session)) => Some(SessionView::live(&session)),
            Some(Standing::Asleep(asleep)) => Some(SessionView::asleep(&asleep)),
            Some(Standing::Ended(ended)) => Some(SessionView::ended(*ended)),
            None => warm.or_else(|| SessionView::told(self.chronicle.as_ref()?.session(name)?)),
        }
    }

    fn warm_views(&self) -> Vec<SessionView> {
        let mut views = Vec::new();
        self.pools.each(|server, member| views.push(SessionView::warm(server, member)));
        views
    }

    /// Ends the live, sleeping or warm session with this public name; `false` when there is none.
    pub async fn stop_session(&self, name: &str, reason: StopReason) -> bool {
        match self.registry.called(name) {
            Some(Standing::Live(session)) => {
                session.stop(reason);
                true
            }
            Some(Standing::Asleep(asleep)) => {
                self.end_asleep(&asleep, reason, None).await;
                true
            }
            Some(Standing::Ended(_)) | None => self.pools.stop_member(name),
        }
    }

    /// What is hosted.
    #[must_use]
    pub fn server_views(&self) -> Vec<ServerView> {
        let (live, warm) = (self.registry.live(), self.warm_views());
        self.servers()
            .values()
            .map(|server| ServerView {
                name: server.name().to_owned(),
                path: format!("/{}/mcp", server.name()),
                command: server.command().to_vec(),
                isolation: server.isolation(),
                sessions: live.iter().filter(|session| *session.server == *server.name()).count(),
                warm: warm.iter().filter(|view| view.server == server.name()).count(),
            })
            .collect()
    }

    /// What the node has, and what is taken of it.
    #[must_use]
    pub fn view(&self) -> NodeView {
        let standing = self.admission.standing();
        let (taken, budgets) = (standing.taken, standing.budgets);
        let cores = |millicores: u64| millicores as f64 / 1e3;
        NodeView {
            sessions: UseView { taken: taken.sessions, limit: Some(budgets.sessions) },
            memory: UseView { taken: taken.memory, limit: budgets.memory },
            cpu: UseView { taken: cores(taken.millicores), limit: budgets.millicores.map(cores) },
            warm: self.warm_views().len(),
            waiting: standing.waiting,
            queue: standing.capacity,
            queue_timeout_ms: whole_millis(standing.timeout),
        }
    }
}
