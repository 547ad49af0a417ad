//! Which session a request belongs to that names none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The session of a modern request that carries no session key. Legacy clients are not concerned: their
/// sessions begin with `initialize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Scope {
    /// `principal` for authenticated callers, and for anonymous callers over loopback, where the caller is
    /// the local user; else `request`.
    #[default]
    Auto,
    /// One session per caller, client application and server.
    Principal,
    /// Requests must name a session; one that does not is answered with an error that says how.
    Explicit,
    /// A sandbox for each request alone; it outlives the request only while a call is parked.
    Request,
    /// One sandbox for everybody; only for servers without state.
    Shared,
}

/// What the author of a manifest is told who writes [`Scope::Shared`].
pub(crate) const SHARED: &str = "all callers share one sandbox, and see what others leave in it; \
     where the server has state, write \"principal\" or \"request\"";
