//! The way from a target to an open connection: listed, resolved once, checked, dialled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::address::{self, AddressKind};
use crate::events::EgressEvent;
use crate::gate::Shared;
use crate::host::Host;
use crate::inlet::Inlet;
use crate::passage::Passage;
use crate::policy::{Policy, Upstream};
use crate::refusal::{Reason, Refusal};
use crate::stop::{Problem, Stop, Unreachable};
use crate::target::Target;
use crate::upstream;

/// The most addresses of a name that are looked at.
const MOST_ANSWERS: usize = 16;
/// The longest that one address is tried while there are others.
const ONE_ATTEMPT: Duration = Duration::from_secs(3);

/// An open connection to what was asked for, and what allows it.
pub(crate) struct Way {
    pub(crate) inlet: Inlet<OwnedReadHalf>,
    pub(crate) outlet: OwnedWriteHalf,
    pub(crate) passage: Passage,
    pub(crate) permit: Permit,
}

/// What allows a connection, so that it can be checked again when the list changes.
pub(crate) struct Permit {
    target: Target,
    address: Option<IpAddr>,
    policy: watch::Receiver<Arc<Policy>>,
}

impl Permit {
    /// Returns once the list no longer allows this connection.
    pub(crate) async fn withdrawn(&mut self) -> Refusal {
        loop {
            if self.policy.changed().await.is_err() {
                // Nobody is left who could change the list.
                std::future::pending::<()>().await;
            }
            let policy = Arc::clone(&self.policy.borrow_and_update());
            let answer = |address| policy.allow.check_answer(address, self.target.port).is_ok();
            let by_address = matches!(self.target.host, Host::Address(_));
            let stays =
                policy.allow.check_target(&self.target).is_ok() && (by_address || self.address.is_none_or(answer));
            if !stays {
                return Refusal::new(&self.target, Reason::NoLongerListed);
            }
        }
    }
}

/// Opens a connection to `target` if the list allows it.
pub(crate) async fn open(gate: &Shared, target: &Target) -> Result<Way, Stop> {
    let mut watching = gate.policy.clone();
    let policy = Arc::clone(&watching.borrow_and_update());
    let rule =
        policy.allow.check_target(target).map_err(|reason| Stop::Refused(Refusal::new(target, reason)))?.to_string();
    let dialled = match &policy.upstream {
        Some(upstream) => dial_upstream(gate, upstream, target).await,
        None => dial(gate, &policy, target).await,
    }?;
    let (stream, address) = dialled;
    // Latency only.
    let _ = stream.set_nodelay(true);
    gate.events.on(EgressEvent::Opened { target, rule: &rule, address });
    let passage = Passage::begin(target.clone(), &gate.counters, Arc::clone(&gate.events));
    let permit = Permit { target: target.clone(), address: address.map(|address| address.ip()), policy: watching };
    let (read, outlet) = stream.into_split();
    let mut way = Way { inlet: Inlet::new(read), outlet, passage, permit };
    if let Some(upstream) = &policy.upstream {
        let asked = upstream::ask(&mut way, upstream, target);
        let answered = timeout(gate.limits.connect_timeout, asked).await.unwrap_or(Err(Problem::SlowConnect));
        answered.map_err(|problem| unreachable(target, problem))?;
    }
    Ok(way)
}

type Dialled = (TcpStream, Option<SocketAddr>);

async fn dial(gate: &Shared, policy: &Policy, target: &Target) -> Result<Dialled, Stop> {
    let addresses = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let answers = resolve(gate, name.as_str()).await.map_err(|problem| unreachable(target, problem))?;
            allowed_answers(policy, target, &answers).map_err(Stop::Refused)?
        }
    };
    let (stream, address) =
        connect(gate, &addresses, target.port).await.map_err(|problem| unreachable(target, problem))?;
    Ok((stream, Some(address)))
}

async fn dial_upstream(gate: &Shared, upstream: &Upstream, target: &Target) -> Result<Dialled, Stop> {
    let reached = async {
        let addresses = match upstream.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => resolve(gate, name.as_str()).await?,
        };
        connect(gate, &addresses, upstream.at.port).await
    };
    let (stream, _) = reached.await.map_err(|problem| unreachable(target, problem))?;
    Ok((stream, None))
}

/// What may be dialled of what a name resolves to. Forbidden addresses are left out, since only checked ones are dialled;
/// if none is left, that is the refusal.
fn allowed_answers(policy: &Policy, target: &Target, answers: &[IpAddr]) -> Result<Vec<IpAddr>, Refusal> {
    let mut allowed = Vec::new();
    let mut refused: Option<(IpAddr, AddressKind)> = None;
    for answer in answers.iter().map(|answer| address::canonical(*answer)) {
        match policy.allow.check_answer(answer, target.port) {
            Ok(()) => allowed.push(answer),
            Err(kind) => refused = refused.or(Some((answer, kind))),
        }
    }
    match refused {
        Some((address, kind)) if allowed.is_empty() => Err(Refusal::new(target, Reason::AnswersRefused(kind))
            .with_detail(format!(
                "{target} resolves to {address}; to allow it, list \"{}:{}\", too",
                Host::Address(address),
                target.port
            ))),
        _ => Ok(allowed),
    }
}

async fn resolve(gate: &Shared, name: &str) -> Result<Vec<IpAddr>, Problem> {
    let lookup = async {
        let turn = Arc::clone(&gate.lookups).acquire_owned().await;
        let (outside, name) = (Arc::clone(&gate.outside), name.to_owned());
        // A lookup of the system cannot be called off. It keeps its turn until it is over, so that a name server that
        // answers slowly on purpose holds up its own session only.
        let task = tokio::spawn(async move {
            let found = outside.resolve(&name).await;
            drop(turn);
            found
        });
        task.await.map_err(std::io::Error::other).flatten().map_err(Problem::Name)
    };
    let mut answers = timeout(gate.limits.resolve_timeout, lookup).await.map_err(|_| Problem::SlowName)??;
    answers.truncate(MOST_ANSWERS);
    if answers.is_empty() { Err(Problem::NoAddress) } else { Ok(answers) }
}

/// One address after the other.
async fn connect(gate: &Shared, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, SocketAddr), Problem> {
    let deadline = Instant::now() + gate.limits.connect_timeout;
    let mut problem = Problem::NoAddress;
    for (index, address) in addresses.iter().enumerate() {
        let address = SocketAddr::new(*address, port);
        let until = if index + 1 < addresses.len() { deadline.min(Instant::now() + ONE_ATTEMPT) } else { deadline };
        match timeout_at(until, gate.outside.connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => problem = Problem::Connect(error),
            Err(_) => problem = Problem::SlowConnect,
        }
    }
    Err(problem)
}

pub(crate) fn unreachable(target: &Target, problem: Problem) -> Stop {
    Stop::Unreachable(Unreachable { target: target.clone(), problem })
}
