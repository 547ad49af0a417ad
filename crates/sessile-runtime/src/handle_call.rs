//! Calls on servers with handles: which session a handle names, and the two tools that are Sessile's own (SEP-2567).

use sessile_bridge::handles::{HandleNames, answer, take_handle};
use sessile_identity::Principal;
use sessile_protocol::Message;

use crate::error::SessionError;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::registry::Found;
use crate::session::{Session, Visit};
use crate::session_id::SessionId;
use crate::sleep::Awake;
use crate::stop::StopReason;

/// What is to be done with a call.
pub(crate) enum HandleCall {
    /// Open a session, and answer with its handle.
    Open,
    /// Answer with this result.
    Answer(String),
    /// Pass it on, to the session that the handle named or to the one it would go to without.
    Pass { message: Message, session: Option<Visit> },
}

impl Node {
    /// The session of this id, if it `fits` the requests that shall go to it. To anyone but its owner it does not exist.
    pub(crate) async fn session_by_id(
        &self,
        server: &Hosted,
        owner: &Principal,
        id: &str,
        fits: fn(&Session) -> bool,
    ) -> Result<Option<Visit>, SessionError> {
        Ok(match self.awake(server.name(), owner, &SessionId::from_client(id)).await? {
            Awake::Live(visit) if visit.is_live() && fits(&visit) => Some(visit),
            _ => None,
        })
    }

    /// Looks at a call for a handle.
    pub(crate) async fn handle_call(
        &self,
        server: &Hosted,
        owner: &Principal,
        names: &HandleNames,
        message: &Message,
        fits: fn(&Session) -> bool,
    ) -> Result<HandleCall, SessionError> {
        let tool = message.subject().unwrap_or_default();
        if tool == names.open_tool() {
            return Ok(HandleCall::Open);
        }
        let taken = match take_handle(names, message) {
            Ok(taken) => taken,
            Err(problem) => return Ok(HandleCall::Answer(problem.to_result())),
        };
        let closes = tool == names.close_tool();
        let session = match taken.handle.as_deref() {
            Some(handle) if closes && self.close_sleeper(server, owner, handle).await => {
                return Ok(HandleCall::Answer(answer::closed()));
            }
            Some(handle) => Some(self.session_by_id(server, owner, handle, fits).await?),
            None => None,
        };
        Ok(match session {
            Some(Some(session)) if closes => {
                session.stop(StopReason::ClientDelete);
                HandleCall::Answer(answer::closed())
            }
            Some(None) | None if closes => HandleCall::Answer(answer::nothing_to_close()),
            Some(None) => HandleCall::Answer(answer::wrong_handle(names, &tool)),
            session => HandleCall::Pass { message: taken.request, session: session.flatten() },
        })
    }

    /// Ends the session of this handle if it sleeps; it need not be woken for that.
    async fn close_sleeper(&self, server: &Hosted, owner: &Principal, handle: &str) -> bool {
        let Found::Asleep(asleep) = self.registry.find(server.name(), owner, &SessionId::from_client(handle)) else {
            return false;
        };
        self.end_asleep(&asleep, StopReason::ClientDelete, None).await;
        true
    }
}
