//! Sessions as the admin API describes them.

use serde::Deserialize;
use serde_json::Value;

/// A session, and the JSON that it was read from.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) view: View,
    pub(super) raw: Value,
}

/// What is shown of a session. Everything but the name may be missing: a node may be older or newer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct View {
    pub(super) name: String,
    #[serde(default)]
    pub(super) server: String,
    /// Nobody's while it is kept warm.
    pub(super) principal: Option<String>,
    #[serde(default)]
    pub(super) state: String,
    /// Milliseconds.
    pub(super) age_ms: Option<u64>,
    #[serde(default)]
    pub(super) in_flight: u64,
    #[serde(default)]
    pub(super) calls: u64,
    /// What is spoken with the client.
    pub(super) protocol: Option<String>,
    /// What is spoken with the server.
    pub(super) server_protocol: Option<String>,
    #[serde(default)]
    pub(super) parked: u64,
    /// Operators' commands that run in it.
    #[serde(default)]
    pub(super) execs: u64,
    /// Bytes.
    pub(super) memory: Option<u64>,
    /// Milliseconds.
    pub(super) cpu_ms: Option<u64>,
    /// What it sent and received, if it may reach anything.
    pub(super) egress: Option<Egress>,
    /// How it rests, if it does.
    pub(super) rest: Option<Rest>,
    /// How often it came back from rest.
    #[serde(default)]
    pub(super) wakes: u64,
    pub(super) end: Option<End>,
}

/// How a session rests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rest {
    /// `disk` or `frozen`.
    pub(super) kind: String,
    /// For how long, in milliseconds.
    pub(super) for_ms: u64,
    /// Bytes of its file.
    pub(super) bytes: Option<u64>,
}

/// What a session had to do with the outside.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Egress {
    /// Bytes that left the sandbox.
    pub(super) sent: u64,
    /// Bytes that came in.
    pub(super) received: u64,
    /// What was refused.
    pub(super) refused: u64,
}

/// How a session ended.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct End {
    #[serde(default)]
    pub(super) reason: Value,
    #[serde(default)]
    pub(super) exit: Value,
    #[serde(default)]
    pub(super) stderr_tail: String,
    pub(super) hint: Option<String>,
    /// Milliseconds.
    pub(super) cpu_ms: Option<u64>,
    /// Bytes.
    pub(super) memory_peak: Option<u64>,
    /// Milliseconds.
    pub(super) lived_ms: Option<u64>,
    /// Seconds since 1970.
    pub(super) ended_at: Option<u64>,
}

impl Session {
    pub(super) fn read(raw: Value) -> Result<Self, serde_json::Error> {
        Ok(Self { view: View::deserialize(&raw)?, raw })
    }

    pub(super) fn is_live(&self) -> bool {
        self.view.end.is_none()
    }

    /// Whether it waits in a pool: nothing is remembered of it once it is gone.
    pub(super) fn is_warm(&self) -> bool {
        self.view.state == "warm"
    }
}
