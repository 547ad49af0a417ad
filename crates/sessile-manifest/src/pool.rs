//! Sandboxes of a server that are started ahead of need.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How many sandboxes of a server are kept warm. Each has started its server and told it nothing, so that it can become
/// anybody's session, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Sandboxes that wait to become sessions; 0 for none. They count towards the budgets of the node.
    #[schemars(range(min = 0, max = 1_000))]
    pub warm: u32,
    /// Time without a new session after which none is kept warm; the next session brings them back.
    #[serde(with = "crate::span")]
    #[schemars(with = "Span", extend("x-minimum" = "10ms", "x-maximum" = "30days"))]
    pub idle: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { warm: 0, idle: Duration::from_secs(10 * 60) }
    }
}
