//! The gate of one session: takes its connections, and holds what they share.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::select;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::answer;
use crate::connection::{self, Client};
use crate::events::EgressEvents;
use crate::limits::Limits;
use crate::outside::{Outside, SystemOutside};
use crate::policy::Policy;
use crate::refusal::{Reason, Refusal};
use crate::stop::Stop;
use crate::target::Target;
use crate::traffic::{Counters, Traffic};

/// How many connections above the limit are told so at the same time; further ones are closed without a word.
const TOLD_AT_ONCE: usize = 16;
/// The wait after a failure to accept, which is a lack of descriptors that passes.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// The gate of one session. Clones share it.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

/// What the connections of a session share.
pub(crate) struct Shared {
    pub(crate) policy: watch::Receiver<Arc<Policy>>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) events: Arc<dyn EgressEvents>,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    pub(crate) lookups: Arc<Semaphore>,
    places: Semaphore,
    told: Semaphore,
}

impl Gate {
    /// A gate that goes by what `policy` holds at any time; a change also ends open connections that it no longer allows.
    /// When its sender is gone, the last policy stays.
    pub fn new(policy: watch::Receiver<Arc<Policy>>, events: Arc<dyn EgressEvents>, limits: Limits) -> Self {
        Self::with_outside(policy, events, limits, Arc::new(SystemOutside))
    }

    /// A gate to another outside than the host's network.
    pub fn with_outside(
        policy: watch::Receiver<Arc<Policy>>,
        events: Arc<dyn EgressEvents>,
        limits: Limits,
        outside: Arc<dyn Outside>,
    ) -> Self {
        let places = Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS));
        let lookups = Arc::new(Semaphore::new(limits.lookups.clamp(1, Semaphore::MAX_PERMITS)));
        let (counters, told) = (Counters::default(), Semaphore::new(TOLD_AT_ONCE));
        Self { shared: Arc::new(Shared { policy, outside, events, limits, counters, lookups, places, told }) }
    }

    /// Serves what a socket that listens inside the sandbox accepts. Never returns; when the future is dropped, all its
    /// connections end.
    pub async fn serve(&self, listener: TcpListener) -> Infallible {
        let mut connections = JoinSet::new();
        loop {
            select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Latency only.
                        let _ = stream.set_nodelay(true);
                        let gate = self.clone();
                        connections.spawn(async move { gate.serve_stream(stream).await });
                    }
                    Err(_) => sleep(ACCEPT_AGAIN).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Serves one connection of the session, however it comes out of the sandbox, until it ends.
    pub async fn serve_stream<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite,
    {
        let shared = &*self.shared;
        if let Ok(_place) = shared.places.try_acquire() {
            return connection::serve(shared, stream).await;
        }
        let stop = Stop::Refused(Refusal::new(&"-", Reason::TooManyConnections));
        connection::report(shared, &stop);
        if let Ok(_turn) = shared.told.try_acquire() {
            answer::tell(&mut Client::new(stream), &stop).await;
        }
    }

    /// Bytes of the session so far.
    pub fn traffic(&self) -> Traffic {
        self.shared.counters.session.so_far()
    }

    /// Bytes of the session so far by target: 256 of them, and what went to all others together (`None`).
    pub fn traffic_by_target(&self) -> Vec<(Option<Target>, Traffic)> {
        self.shared.counters.by_target()
    }
}
