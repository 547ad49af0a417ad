//! What the bridge of a session needs minted: sealed request states, ids of tasks, the time of day.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sessile_bridge::{Mint, StateOf};
use sessile_store::{Sealer, Ticket};
use sha2::{Digest, Sha256};

use crate::stop::whole_millis;

/// Mints for one session.
#[derive(Debug)]
pub(crate) struct SessionMint {
    pub(crate) sealer: Sealer,
    /// The session's id.
    pub(crate) session: String,
    /// Whom its states are given to.
    pub(crate) principal: String,
    pub(crate) server: Arc<str>,
}

impl Mint for SessionMint {
    fn digest(&self, text: &str) -> [u8; 32] {
        digest(text)
    }

    fn request_state(&self, state: &StateOf<'_>) -> Option<String> {
        let ticket = Ticket {
            session: self.session.clone(),
            call: state.call.0,
            generation: u64::from(state.generation),
            principal: self.principal.clone(),
            server: self.server.to_string(),
            method: state.method.to_owned(),
            digest: state.digest,
            expires_ms: unix_millis().saturating_add(whole_millis(state.valid_for)),
            inner: state.inner.map(str::to_owned),
        };
        let sealed = self.sealer.seal(&ticket);
        if let Err(error) = &sealed {
            tracing::warn!(target: "sessile::runtime", server = &*self.server, %error, "a question cannot be asked");
        }
        sealed.ok()
    }

    fn task_id(&self) -> Option<String> {
        sessile_store::new_task_id().ok()
    }

    fn timestamp(&self) -> String {
        rfc3339(unix_millis())
    }
}

/// What a request state says of the request it is good for.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Milliseconds since 1970 by the wall clock; 0 when the clock stands before that.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, whole_millis)
}

/// A moment as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(unix_millis: u64) -> String {
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_millis(unix_millis)).to_string()
}
