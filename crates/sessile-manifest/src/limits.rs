//! The limits of one server, with their defaults and the range each may have.
//!
//! This struct is also the source of the schema: the ranges below are what the check holds a manifest
//! to, and the comments are what `sessile check --schema` prints.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Size;
use crate::span::Span;

/// Bounds on what a server, and each of its sessions, may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of one session's process tree.
    #[schemars(extend("x-minimum" = "4MiB", "x-maximum" = "4TiB"))]
    pub memory: Size,
    /// Processors that one session may use, in cores; fractions are allowed.
    #[schemars(range(min = 0.01, max = 1024.0))]
    pub cpu: f64,
    /// Processes and threads of one session.
    #[schemars(range(min = 4, max = 1_000_000))]
    pub pids: u32,
    /// Bytes that one session may write into its home, workspace and `/tmp` together. A workspace that is kept for each principal may
    /// hold as much by itself; that is counted, not enforced.
    #[schemars(extend("x-minimum" = "64KiB", "x-maximum" = "4TiB"))]
    pub disk: Size,
    /// Time for a server to start and answer `initialize`.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "1h"))]
    pub start_timeout: Duration,
    /// Time for one request, from its arrival to its answer.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "7days"))]
    pub request_timeout: Duration,
    /// Time without a request in flight or a parked call after which a session ends.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "30days"))]
    pub idle_timeout: Duration,
    /// Time without a request in flight after which a session rests until the next one: a microVM is written to the disk instead of being ended
    /// (without this key after `idle_timeout`), another sandbox is frozen where it is, as long as `idle_timeout` allows (without this
    /// key, never). A call that waits for its client is no obstacle. `0s` is never, neither by command nor when the
    /// node ends.
    #[serde(with = "crate::span::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "30days"))]
    pub hibernate_after: Option<Duration>,
    /// Longest life of a session, from its start.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "365days"))]
    pub max_lifetime: Duration,
    /// Time that a call waits for the client's answer to a question; never more than `max_lifetime`.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "7days"))]
    pub park_timeout: Duration,
    /// Time that running calls get to finish when their session must end.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "1h"))]
    pub drain: Duration,
    /// Sessions of this server at one time.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions: u32,
    /// Sessions of this server that one principal may have at one time; never more than `sessions`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions_per_principal: u32,
    /// Requests running at one time in one session.
    #[schemars(range(min = 1, max = 10_000))]
    pub in_flight: u32,
    /// Size of one message, in either direction.
    #[schemars(extend("x-minimum" = "1KiB", "x-maximum" = "1GiB"))]
    pub message: Size,
    /// Time that a session outlives its node after the node was killed.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "1h"))]
    pub adopt_grace: Duration,
    /// Bytes of past stream events kept per session for clients that resume a stream.
    #[schemars(extend("x-minimum" = "0B", "x-maximum" = "1GiB"))]
    pub replay_bytes: Size,
    /// Past stream events kept per session for clients that resume a stream.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub replay_events: u32,
    /// GET streams open at one time on one session.
    #[schemars(range(min = 1, max = 1_000))]
    pub get_streams: u32,
    /// Time after which the connection of a stream is closed and its client comes back for the rest (polling,
    /// SEP-1699); only for clients of 2025-11-25, which know how. `0s` leaves connections open.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "0s", "x-maximum" = "1day"))]
    pub stream_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size::mib(512),
            cpu: 1.0,
            pids: 256,
            disk: Size::gib(1),
            start_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(15 * 60),
            idle_timeout: Duration::from_secs(15 * 60),
            hibernate_after: None,
            max_lifetime: Duration::from_secs(8 * 60 * 60),
            park_timeout: Duration::from_secs(10 * 60),
            drain: Duration::from_secs(30),
            sessions: 100,
            sessions_per_principal: 10,
            in_flight: 32,
            message: Size::mib(16),
            adopt_grace: Duration::from_secs(60),
            replay_bytes: Size::mib(1),
            replay_events: 1000,
            get_streams: 16,
            stream_timeout: Duration::ZERO,
        }
    }
}
