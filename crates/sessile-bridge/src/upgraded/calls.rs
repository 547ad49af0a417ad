//! Client requests that are with the server, or wait for what the server asked their client.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sessile_protocol::{Method, RequestId};

use super::questions::Asked;

/// One client request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) method: Method,
    /// What each round asks for anew, as JSON text. `None` for methods that have one round only.
    pub(super) params: Option<String>,
    /// How often the server has asked for input.
    pub(super) rounds: u32,
    pub(super) stand: Stand,
}

/// Where a call stands.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Stand {
    /// The server has it, under this id.
    AtServer(RequestId),
    /// Its client is asked.
    AtClient(Asked),
}

/// The client requests, by the client's ids.
pub(super) type Calls = HashMap<RequestId, Call>;

/// Methods whose result may ask for input (2026-07-28, basic/patterns/mrtr, "Supported Requests").
pub(super) fn may_ask(method: &Method) -> bool {
    matches!(method.as_str(), "prompts/get" | "resources/read" | "tools/call")
}
