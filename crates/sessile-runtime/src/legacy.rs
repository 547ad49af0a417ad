//! Messages of a legacy client, on their way to its session or, by a handle, to another one of its caller.

use std::sync::Arc;

use bytes::Bytes;
use sessile_bridge::handles::{add_to_list, answer};
use sessile_bridge::{Bridge, Refusal};
use sessile_identity::Principal;
use sessile_protocol::error::{error_response, notification, raw_result};
use sessile_protocol::{Body, Message, Object};

use crate::error::SessionError;
use crate::exchange::Exchange;
use crate::handle_call::HandleCall;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::session::Session;
use crate::tools::{Tools, last_word, legacy_pages};

/// What the messages of one POST are answered with.
#[derive(Debug)]
pub enum LegacyAnswer {
    /// One message.
    Whole(Bytes),
    /// What the session has to say, as it says it.
    Exchange(Exchange),
    /// Nothing: there was no request among them.
    Accepted,
}

impl From<Option<Exchange>> for LegacyAnswer {
    fn from(exchange: Option<Exchange>) -> Self {
        exchange.map_or(Self::Accepted, Self::Exchange)
    }
}

impl Node {
    /// Takes the messages of one POST to a legacy client's `session`.
    ///
    /// # Errors
    /// As [`Session::post`].
    pub async fn legacy(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        session: &Arc<Session>,
        mut messages: Vec<Message>,
    ) -> Result<LegacyAnswer, SessionError> {
        if !server.handles() {
            return Ok(session.post(messages).await?.into());
        }
        match (messages.pop(), messages.is_empty()) {
            (Some(message), true) => self.with_handles(server, principal, session, message).await,
            (last, _) => {
                messages.extend(last);
                // Which handle a batch goes to could be several.
                if messages.iter().any(|message| message.method().is_some_and(|method| method == "tools/call")) {
                    return Err(Refusal::BatchNotAllowed.into());
                }
                Ok(session.post(messages).await?.into())
            }
        }
    }

    async fn with_handles(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        session: &Arc<Session>,
        message: Message,
    ) -> Result<LegacyAnswer, SessionError> {
        let id = match message.body() {
            Body::Request { id, method } if method == "tools/list" => {
                let Some(mut exchange) = session.post(vec![message]).await? else { return Ok(LegacyAnswer::Accepted) };
                let Some(answer) = last_word(&mut exchange).await else { return Ok(LegacyAnswer::Exchange(exchange)) };
                return Ok(LegacyAnswer::Whole(self.with_handle_tools(server, session, answer).await?));
            }
            Body::Request { id, method } if method == "tools/call" => id.clone(),
            Body::Response { .. } => {
                let asker = self.asker(server, principal, &message).unwrap_or_else(|| Arc::clone(session));
                return Ok(asker.post(vec![message]).await?.into());
            }
            _ => return Ok(session.post(vec![message]).await?.into()),
        };
        let tools = tools(server, session).await?;
        let Some(names) = &tools.handles else { return Ok(session.post(vec![message]).await?.into()) };
        match self.handle_call(server, principal, names, &message, Session::takes_legacy).await? {
            HandleCall::Answer(result) => Ok(LegacyAnswer::Whole(raw_result(id.as_json(), &result))),
            HandleCall::Pass { message, session: lent } => {
                Ok(lent.as_deref().unwrap_or(session).post(vec![message]).await?.into())
            }
            HandleCall::Open => Ok(LegacyAnswer::Whole(match self.lend(server, principal, session).await {
                Ok(lent) => {
                    raw_result(id.as_json(), &answer::opened(names, lent.id.expose(), lent.limits.idle_timeout))
                }
                Err(error) => error_response(Some(&id), &error.to_error()),
            })),
        }
    }

    /// Opens another session for the client of `session`, greeted as that one was.
    async fn lend(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        session: &Arc<Session>,
    ) -> Result<Arc<Session>, crate::OpenError> {
        let not_greeted = || crate::OpenError::StartFailed {
            reason: "the session was not initialized".to_owned(),
            stderr_tail: String::new(),
        };
        let greeting = session.greeting.get().cloned().ok_or_else(not_greeted)?;
        let bridge = if session.is_relayed() { Bridge::relay } else { Bridge::upgraded };
        let mut exchange = self.initialize(server, principal, greeting, bridge, true).await?;
        let lent = Arc::clone(exchange.session());
        if let Err(error) = lent.opened().await {
            return Err(crate::OpenError::NotOpened { error: Box::new(error), stderr_tail: lent.stderr.text() });
        }
        // Its answer is for nobody: the client was initialized before.
        last_word(&mut exchange).await;
        exchange.release();
        let ready = Message::parse(notification("notifications/initialized", None));
        if let Ok(ready) = ready {
            // A session that has ended meanwhile says so at the first call.
            let _ = lent.post(vec![ready]).await;
        }
        Ok(lent)
    }

    /// The session whose question a message answers, if it was asked under a prefix.
    fn asker(&self, server: &Hosted, principal: &Principal, answer: &Message) -> Option<Arc<Session>> {
        let Body::Response { id: Some(id), .. } = answer.body() else { return None };
        let text: String = serde_json::from_str(id.as_json()).ok()?;
        let (name, _) = text.split_once(':')?;
        let mut own = self.registry.of(server.name(), principal).into_iter();
        own.find(|session| session.name.as_str() == name)
    }

    async fn with_handle_tools(
        &self,
        server: &Arc<Hosted>,
        session: &Arc<Session>,
        answer: Bytes,
    ) -> Result<Bytes, SessionError> {
        let tools = tools(server, session).await?;
        let shown = Message::parse(answer.clone()).ok().and_then(|message| {
            let Body::Response { id: Some(id), .. } = message.body() else { return None };
            Some(raw_result(id.as_json(), &add_to_list(tools.handles.as_ref()?, message.result()?)?))
        });
        Ok(shown.unwrap_or(answer))
    }
}

/// The tools as a legacy client's session lists them.
async fn tools(server: &Hosted, session: &Arc<Session>) -> Result<Arc<Tools>, SessionError> {
    let greeting = session.greeting.get().and_then(Message::params).and_then(Object::parse).unwrap_or_default();
    let capabilities = format!("legacy {}", greeting.get("capabilities").unwrap_or("{}"));
    let epoch = server.memory().epoch();
    if let Some(tools) = server.tool_tables().get(&capabilities, epoch) {
        return Ok(tools);
    }
    let tools = Arc::new(Tools::of_pages(&legacy_pages(session).await?, true));
    server.tool_tables().put(&capabilities, epoch, Arc::clone(&tools));
    Ok(tools)
}
