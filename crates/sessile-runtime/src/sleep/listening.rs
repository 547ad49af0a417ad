//! Streams for what a server says outside of calls, over sessions that may sleep: such a stream wakes nobody, and nothing is said on it until
//! somebody else has.

use crate::error::SessionError;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::registry::Found;
use crate::session_id::SessionId;
use sessile_identity::Principal;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often it is looked whether a session runs again.
const LOOK: Duration = Duration::from_millis(250);

/// A stream, now or as soon as its session runs again.
#[derive(Debug)]
pub enum Listening {
    /// Its session runs.
    Now(Exchange),
    /// Its session sleeps.
    Later(Later),
}

/// A stream whose session sleeps.
pub struct Later(Pin<Box<dyn Future<Output = Option<Exchange>> + Send>>);

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later(…)")
    }
}

impl Later {
    /// The stream, once its session runs; `None` when it will not.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Exchange>> {
        self.0.as_mut().poll(cx)
    }
}

impl Node {
    /// Opens a stream for what the server of a legacy client's session says outside of calls, or resumes one.
    ///
    /// # Errors
    /// When there is no such session, too many streams are open, or `last_event_id` is no longer held.
    pub fn listen(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        id: &SessionId,
        last_event_id: Option<String>,
    ) -> Result<Listening, SessionError> {
        if let Some(exchange) = self.try_listen(server, principal, id, last_event_id.clone())? {
            return Ok(Listening::Now(exchange));
        }
        let (node, server, principal, id) = (self.clone(), Arc::clone(server), principal.clone(), id.clone());
        Ok(Listening::Later(Later(Box::pin(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                match node.try_listen(&server, &principal, &id, last_event_id.clone()) {
                    Ok(None) => {}
                    Ok(exchange) => return exchange,
                    Err(_) => return None,
                }
            }
        }))))
    }

    /// The stream; `None` while the session sleeps.
    fn try_listen(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        id: &SessionId,
        last_event_id: Option<String>,
    ) -> Result<Option<Exchange>, SessionError> {
        let ended = match self.registry.find(server.name(), principal, id) {
            Found::Live(session) if session.takes_legacy() => return session.listen(last_event_id).map(Some),
            Found::Asleep(asleep) if !asleep.is_modern() => return Ok(None),
            Found::Live(_) | Found::Asleep(_) => None,
            Found::Ended(reason) => Some(reason),
            Found::Nothing => self.ended_before(server, principal, id),
        };
        Err(SessionError::NotFound { ended })
    }
}
