//! A session's way out: the gate that its server's list makes, who hears of it, and what is shown of it.

use crate::session::Session;
use serde::{Deserialize, Serialize};
use sessile_egress::{AllowList, EgressEvent, EgressEvents, Gate, Limits, Policy, Upstream};
use sessile_sandbox::{GATE_PORT, Sandbox};
use sessile_telemetry::{DropCause, EgressTold, Event, Telemetry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Refusals of one session that are logged per second; all are counted.
const TOLD_PER_SECOND: u64 = 10;

/// Names that programs find their proxy by, in upper case; they are set in both.
const PROXY_VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// What a server's own loopback is called: nothing of it goes through the gate.
const INSIDE: &str = "127.0.0.1,localhost,::1";

/// What the sessions of one server may reach. It can change while they run.
#[derive(Debug)]
pub(crate) struct Reach(watch::Sender<Arc<Policy>>);

impl Reach {
    /// What `allow` lists, through the proxy `upstream` if there is one.
    pub(crate) fn of(allow: AllowList, upstream: Option<Upstream>) -> Self {
        Self(watch::Sender::new(Arc::new(Policy { allow, upstream })))
    }

    /// Whether the list is not empty. Where it is, sandboxes are started without any way out.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.borrow().allow.is_empty()
    }

    /// From now on, what `allow` lists, also for sessions that run with a gate: what they have open and is no longer allowed, ends.
    /// `false` if it says what the last one said.
    pub(crate) fn change(&self, allow: AllowList) -> bool {
        self.0.send_if_modified(|policy| {
            let is_new = policy.allow != allow;
            if is_new {
                *policy = Arc::new(Policy { allow, upstream: policy.upstream.clone() });
            }
            is_new
        })
    }
}

/// Tells programs inside where the gate is, where `env` does not say something else in either case.
pub(crate) fn point_at_gate(env: &mut Vec<(String, String)>) {
    let gate = format!("http://127.0.0.1:{GATE_PORT}");
    let proxies = PROXY_VARIABLES.map(|name| (name, gate.as_str()));
    for (name, value) in proxies.into_iter().chain([("NO_PROXY", INSIDE)]) {
        if !env.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            env.push((name.to_owned(), value.to_owned()));
            env.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    let node = "NODE_USE_ENV_PROXY";
    if !env.iter().any(|(known, _)| known == node) {
        env.push((node.to_owned(), "1".to_owned()));
    }
}

/// What a session has sent, received and been refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct EgressView {
    /// Bytes that left the sandbox.
    pub sent: u64,
    /// Bytes that came in.
    pub received: u64,
    /// Connections and requests that were refused.
    pub refused: u64,
}

/// The way out of a sandbox, before its session lives.
#[derive(Debug)]
pub(crate) struct WayOut {
    listener: TcpListener,
    policy: watch::Receiver<Arc<Policy>>,
}

impl WayOut {
    /// What the sandbox offers, if it was started with a gate; `reach` says what that is for.
    ///
    /// # Errors
    /// In words, when the socket cannot be used: a server with a list does not start without it.
    pub(crate) fn take(sandbox: &mut Sandbox, reach: Option<&Reach>) -> Result<Option<Self>, String> {
        let Some(reach) = reach else { return Ok(None) };
        let socket = sandbox.take_egress().ok_or("the sandbox has no way out to the gate")?;
        let listener = TcpListener::from_std(socket.into())
            .map_err(|error| format!("the sandbox's way out cannot be watched: {error}"))?;
        Ok(Some(Self { listener, policy: reach.0.subscribe() }))
    }

    /// Opens the gate. It stands until the handle is dropped.
    pub(crate) fn open(self, session: &Session) -> AbortOnDropHandle<()> {
        let Self { listener, policy } = self;
        let account = Arc::new(Account::of(session));
        let gate = Gate::new(policy, Arc::clone(&account) as Arc<dyn EgressEvents>, Limits::default());
        // Set once, here.
        let _ = session.egress.set(Egress { gate: gate.clone(), account });
        AbortOnDropHandle::new(tokio::spawn(async move {
            gate.serve(listener).await;
        }))
    }
}

/// Closes a gate, and returns when nothing of it runs.
pub(crate) async fn close(gate: Option<AbortOnDropHandle<()>>) {
    if let Some(gate) = gate {
        gate.abort();
        // It was aborted: there is nothing else to hear.
        let _ = gate.await;
    }
}

/// What is known of a session's gate.
pub(crate) struct Egress {
    gate: Gate,
    account: Arc<Account>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

impl Egress {
    pub(crate) fn view(&self) -> EgressView {
        let traffic = self.gate.traffic();
        let refused = self.account.refused.load(Ordering::Relaxed);
        EgressView { sent: traffic.sent, received: traffic.received, refused }
    }
}

/// Hears what happens at a gate, and knows whose it is.
struct Account {
    server: Arc<str>,
    session: Arc<str>,
    telemetry: Telemetry,
    refused: AtomicU64,
    rate: Mutex<Rate>,
}

/// What has been logged this second.
struct Rate {
    second: Instant,
    told: u64,
    shed: u64,
}

impl Account {
    fn of(session: &Session) -> Self {
        Self {
            server: Arc::clone(&session.server),
            session: session.name.as_str().into(),
            telemetry: session.telemetry.clone(),
            refused: AtomicU64::new(0),
            rate: Mutex::new(Rate { second: Instant::now(), told: 0, shed: 0 }),
        }
    }

    /// Whether one more may be logged now. What was not is reported when the next one may.
    fn may_tell(&self) -> bool {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shed = 0;
        if rate.second.elapsed() >= Duration::from_secs(1) {
            shed = rate.shed;
            *rate = Rate { second: Instant::now(), told: 0, shed: 0 };
        }
        let may = rate.told < TOLD_PER_SECOND;
        if may {
            rate.told += 1
        } else {
            rate.shed += 1
        }
        drop(rate);
        self.report_shed(shed);
        may
    }

    fn report_shed(&self, count: u64) {
        if count > 0 {
            self.telemetry.emit(&Event::Dropped {
                server: &self.server,
                session: &self.session,
                cause: DropCause::EgressShed,
                count,
                detail: "log lines about refused connections beyond the rate that is logged",
            });
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let shed = self.rate.get_mut().unwrap_or_else(PoisonError::into_inner).shed;
        self.report_shed(shed);
    }
}

impl EgressEvents for Account {
    fn on(&self, event: EgressEvent<'_>) {
        let (server, session) = (&*self.server, &*self.session);
        match event {
            EgressEvent::Opened { target, rule, address } => {
                let target = &target.to_string();
                self.telemetry.emit(&Event::EgressOpened { server, session, target, rule, address });
            }
            EgressEvent::Closed { target, traffic, lasted } => self.telemetry.emit(&Event::EgressClosed {
                server,
                session,
                target: &target.to_string(),
                sent: traffic.sent,
                received: traffic.received,
                lasted,
            }),
            EgressEvent::Refused(refusal) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let reason = self.may_tell().then(|| refusal.to_string());
                let detail = refusal.detail.as_deref();
                let told = reason.as_deref().map(|reason| EgressTold { reason, detail });
                self.telemetry.emit(&Event::EgressRefused { server, session, rule: refusal.rule(), told });
            }
            EgressEvent::Unreachable { target, problem } => {
                let target = &target.to_string();
                self.telemetry.emit(&Event::EgressUnreachable { server, session, target, problem });
            }
        }
    }
}

#[cfg(test)]
mod tests;
