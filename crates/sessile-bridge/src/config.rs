//! The bounds of one session.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sessile_protocol::{LegacyVersion, ModernVersion};

/// How a client is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Transport {
    /// Streamable HTTP: each POST with requests is answered on itself, GET streams carry the rest.
    Streamable,
    /// HTTP+SSE of 2024-11-05: everything for the client goes out on its one GET stream, without event ids.
    SingleStream,
    /// Streamable HTTP of the modern era: each POST is answered on itself and nowhere else. No event ids, nothing to
    /// resume.
    PerRequest,
}

/// How a server is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// It is not known what it speaks: ask with `server/discover`, and go on with `initialize` if it does not know that.
    Probe,
    /// It is known to speak the legacy era.
    Legacy,
    /// It is known to speak the modern era.
    Modern,
}

/// The bounds of one session.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a request may go unanswered, in either direction.
    pub request_timeout: Duration,
    /// How long a connection may leave its events lying while the session is backlogged.
    pub stall_timeout: Duration,
    /// How many bytes of events are kept, those not yet sent and those kept for replay together. One event is kept
    /// however large it is.
    pub ring_bytes: usize,
    /// How many events are kept.
    pub ring_events: usize,
    /// How long a client should wait before it connects again, as told in priming events.
    pub retry: Duration,
    /// How many client requests may be open at once.
    pub in_flight: usize,
    /// How many server requests may be open at once.
    pub server_requests: usize,
    /// How the client is connected.
    pub transport: Transport,
    /// How many connections made by GET, or by `subscriptions/listen`, may be open at once.
    pub connections: usize,
    /// What the ids of the server's requests begin with when a client reaches the session by a handle, beside one of its
    /// own.
    pub request_prefix: Option<String>,
    /// How long a server that is probed may stay silent before it is taken for a legacy one.
    pub probe_timeout: Duration,
    /// How long one more question of a call is waited for, after each, before they go to the client together.
    pub gather: Duration,
    /// How long a call waits for its client's input.
    pub park_timeout: Duration,
    /// How many calls may wait for their client's input at once.
    pub parked: usize,
    /// Whether the server takes one call at a time.
    pub serialize: bool,
    /// After how long a call becomes a task, if its client knows tasks. `None` for never.
    pub promote_after: Option<Duration>,
    /// How long a task is kept, as its client is told.
    pub task_ttl: Duration,
    /// Every version that modern clients are told is served, newest first.
    pub versions: Vec<&'static str>,
    /// How long a modern client may keep a list or a resource of a server that does not say so itself.
    pub list_ttl: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(15 * 60),
            stall_timeout: Duration::from_secs(5),
            ring_bytes: 1 << 20,
            ring_events: 1000,
            retry: Duration::from_secs(1),
            in_flight: 32,
            server_requests: 128,
            transport: Transport::Streamable,
            connections: 16,
            request_prefix: None,
            probe_timeout: Duration::from_secs(2),
            gather: Duration::from_millis(20),
            park_timeout: Duration::from_secs(10 * 60),
            parked: 128,
            serialize: false,
            promote_after: None,
            task_ttl: Duration::from_secs(60 * 60),
            versions: versions(),
            list_ttl: Duration::from_secs(60),
        }
    }
}

fn versions() -> Vec<&'static str> {
    let modern = ModernVersion::ALL.into_iter().map(ModernVersion::as_str);
    let mut versions: Vec<_> = LegacyVersion::ALL.into_iter().map(LegacyVersion::as_str).chain(modern).collect();
    versions.reverse();
    versions
}
