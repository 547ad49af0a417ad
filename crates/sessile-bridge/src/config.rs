//! The bounds of one session.

use std::time::Duration;

/// How a client is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Streamable HTTP: each POST with requests is answered on itself, GET streams carry the rest.
    Streamable,
    /// HTTP+SSE of 2024-11-05: everything for the client goes out on its one GET stream, without event ids.
    SingleStream,
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
    /// How many connections made by GET may be open at once.
    pub connections: usize,
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
        }
    }
}
