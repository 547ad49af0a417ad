//! Tasks (`io.modelcontextprotocol/tasks`) for servers that have none of their own.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// When a long call becomes a task, and how long its result waits. Only modern clients that declared the
/// extension are offered tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tasks {
    /// Time after which a running call becomes a task; without it, no call does.
    #[serde(with = "crate::span::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "1day"))]
    pub promote_after: Option<Duration>,
    /// Time that the result of a task waits to be fetched.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "1s", "x-maximum" = "30days"))]
    pub keep: Duration,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { promote_after: None, keep: Duration::from_secs(60 * 60) }
    }
}
