//! What one session may use of the gate.

use std::time::Duration;

/// Bounds of one session's gate. None of them can be switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of the session. One more is answered with 503.
    pub connections: usize,
    /// Lookups of names at the same time; further ones wait.
    pub lookups: usize,
    /// From the first byte of a request's head to its last; also to the first byte of the first request, and from the
    /// first to the last byte of what is looked at in a tunnel.
    pub head_timeout: Duration,
    /// From the end of one request to the first byte of the next.
    pub keep_alive: Duration,
    /// One lookup, waiting for its turn included.
    pub resolve_timeout: Duration,
    /// All attempts to connect for one request.
    pub connect_timeout: Duration,
    /// Without a byte in either direction.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            lookups: 8,
            head_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            resolve_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
        }
    }
}
