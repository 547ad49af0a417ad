//! Calls on servers with handles: which session a handle names, and the two tools that are Sessile's own (SEP-2567).

use std::sync::Arc;

use sessile_bridge::handles::{HandleNames, answer, take_handle};
use sessile_identity::Principal;
use sessile_protocol::Message;

use crate::hosted::Hosted;
use crate::node::Node;
use crate::registry::Found;
use crate::session::Session;
use crate::session_id::SessionId;
use crate::stop::StopReason;

/// What is to be done with a call.
pub(crate) enum HandleCall {
    /// Open a session, and answer with its handle.
    Open,
    /// Answer with this result.
    Answer(String),
    /// Pass it on, to the session that the handle named or to the one it would go to without.
    Pass { message: Message, session: Option<Arc<Session>> },
}

impl Node {
    /// The session of this id, if it `fits` the requests that shall go to it. To anyone but its owner it does not exist.
    pub(crate) fn session_by_id(
        &self,
        server: &Hosted,
        owner: &Principal,
        id: &str,
        fits: fn(&Session) -> bool,
    ) -> Option<Arc<Session>> {
        match self.registry.find(server.name(), owner, &SessionId::from_client(id)) {
            Found::Live(session) if session.is_live() && fits(&session) => Some(session),
            _ => None,
        }
    }

    /// Looks at a call for a handle.
    pub(crate) fn handle_call(
        &self,
        server: &Hosted,
        owner: &Principal,
        names: &HandleNames,
        message: &Message,
        fits: fn(&Session) -> bool,
    ) -> HandleCall {
        let tool = message.subject().unwrap_or_default();
        if tool == names.open_tool() {
            return HandleCall::Open;
        }
        let taken = match take_handle(names, message) {
            Ok(taken) => taken,
            Err(problem) => return HandleCall::Answer(problem.to_result()),
        };
        let session = taken.handle.as_deref().map(|handle| self.session_by_id(server, owner, handle, fits));
        let closes = tool == names.close_tool();
        match session {
            Some(Some(session)) if closes => {
                session.stop(StopReason::ClientDelete);
                HandleCall::Answer(answer::closed())
            }
            Some(None) | None if closes => HandleCall::Answer(answer::nothing_to_close()),
            Some(None) => HandleCall::Answer(answer::wrong_handle(names, &tool)),
            session => HandleCall::Pass { message: taken.request, session: session.flatten() },
        }
    }
}
