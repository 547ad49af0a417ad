//! The way of a modern request: which session it belongs to, whether one is needed at all, and what goes to it.
//!
//! A request without state of its own finds its session by what it carries: a sealed request state, a handle, a name, or
//! the principal it comes from (`place.rs`). Lists and the server's description are answered from memory when no session
//! of the caller runs.

mod way;

use std::sync::Arc;

use bytes::Bytes;
use sessile_bridge::handles::{add_to_list, answer};
use sessile_bridge::{CallId, ClientProfile, salient};
use sessile_identity::Principal;
use sessile_protocol::error::raw_result;
use sessile_protocol::modern::SERVED_VERSIONS;
use sessile_protocol::{Body, Era, Message, Method, Object, RequestId, meta};
use sessile_store::Ticket;

use crate::error::{ModernFault, SessionError};
use crate::exchange::Exchange;
use crate::handle_call::HandleCall;
use crate::hosted::Hosted;
use crate::memory::ListKey;
use crate::node::Node;
use crate::place::{Place, owner};
use crate::session::{Retry, Session, Span, Visit};
use crate::session_id::SessionId;
use crate::sleep::Awake;
use crate::states::{digest, unix_millis};
use crate::stop::StopReason;
use crate::tasks::{TaskRequest, complete};
use crate::tools::last_word;
use way::{Held, Way};

/// A request or a notification of a modern client, its headers and `_meta` checked.
#[derive(Clone, Debug)]
pub struct ModernCall {
    /// The message.
    pub message: Message,
    /// Who sends it.
    pub client: ClientProfile,
    /// The session it names, by header or `_meta`.
    pub session_key: Option<String>,
    /// Its `Mcp-Param-*` headers: names in lower case without the prefix, and values.
    pub mirrored: Vec<(String, Vec<u8>)>,
    /// Whether it comes from this machine.
    pub loopback: bool,
}

/// What a modern request is answered with.
#[derive(Debug)]
pub enum ModernAnswer {
    /// One message.
    Whole {
        /// It.
        body: Bytes,
        /// What the client may call its session by.
        session: String,
    },
    /// A notification was taken, or there was nobody to take it.
    Accepted {
        /// What the client may call its session by.
        session: Option<String>,
    },
    /// What the session has to say, as it says it.
    Exchange {
        /// Where it says it.
        exchange: Exchange,
        /// What the client may call its session by.
        session: String,
    },
}

/// Why a modern request was not taken.
#[derive(Debug)]
pub struct ModernError {
    /// What is wrong.
    pub fault: ModernFault,
    /// What the client may call its session by, where that was settled.
    pub session: Option<String>,
}

impl From<ModernFault> for ModernError {
    fn from(fault: ModernFault) -> Self {
        Self { fault, session: None }
    }
}

impl Node {
    /// Takes a request or a notification of a modern client.
    ///
    /// # Errors
    /// When it names no session and must, names one wrongly, or its session cannot be had or takes nothing. Nothing has
    /// reached a server then.
    pub async fn modern(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        call: ModernCall,
    ) -> Result<ModernAnswer, ModernError> {
        server.memory().refresh();
        let place = Place::of(server, principal, &call.client, call.session_key.as_deref(), call.loopback)?;
        let owner = owner(server, principal);
        let label = place.label().to_owned();
        let way = Way { node: self, server, principal, owner, client: &call.client, place };
        let answer = match call.message.body() {
            Body::Request { id, method } => {
                let (id, method) = (id.clone(), method.clone());
                way.request(&id, &method, call.message, &call.mirrored).await
            }
            _ => way.notification(call.message).await,
        };
        answer.map_err(|fault| ModernError { fault, session: Some(label) })
    }
}

impl Way<'_> {
    async fn request(
        &self,
        id: &RequestId,
        method: &Method,
        message: Message,
        mirrored: &[(String, Vec<u8>)],
    ) -> Result<ModernAnswer, ModernFault> {
        let text = message.params().unwrap_or("{}").to_owned();
        let params = Object::parse(&text).unwrap_or_default();
        match method.as_str() {
            "server/discover" => self.discover(id).await,
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
                self.list(id, method, message).await
            }
            "tasks/get" | "tasks/update" | "tasks/cancel" => self.task(id, method, message, &params).await,
            "tools/call" => self.call(id, message, &params, mirrored).await,
            _ => self.pass(message, &params, None).await,
        }
    }

    async fn notification(&self, message: Message) -> Result<ModernAnswer, ModernFault> {
        let Some(session) = self.live().await? else { return Ok(ModernAnswer::Accepted { session: None }) };
        session.post(vec![message]).await?;
        Ok(ModernAnswer::Accepted { session: Some(self.place.label().to_owned()) })
    }

    /// `server/discover`, from memory as soon as the server was opened once in the era that it is opened in for this
    /// client.
    async fn discover(&self, id: &RequestId) -> Result<ModernAnswer, ModernFault> {
        let profile = self.profile().await?;
        let offers_tasks = self.server.tasks().promote_after.is_some();
        let text = profile.discover_result(&SERVED_VERSIONS, offers_tasks);
        let mut result = Object::parse(&text).unwrap_or_default();
        if matches!(profile.era, Era::Legacy(_)) {
            result.set("ttlMs", self.server.list_ttl().as_millis().to_string());
            result.set("cacheScope", r#""public""#);
        }
        Ok(self.whole(raw_result(id.as_json(), &result.to_json())))
    }

    async fn list(&self, id: &RequestId, method: &Method, message: Message) -> Result<ModernAnswer, ModernFault> {
        let key = ListKey::of(&message, self.client, self.owner.id().as_str());
        let running = self.live().await?;
        let remembered = match (&running, &key) {
            (None, Some(key)) => self.server.memory().list(key),
            _ => None,
        };
        let result = match remembered {
            Some(result) => result,
            None => {
                let session = self.session().await?;
                let epoch = self.server.memory().epoch().in_session_since(session.session().since);
                let Some(mut exchange) = session.session().post(vec![message]).await? else {
                    return Ok(ModernAnswer::Accepted { session: None });
                };
                let answer = last_word(&mut exchange).await.ok_or(ModernFault::NoAnswer)?;
                let parsed = Message::parse(answer.clone()).ok();
                let Some(result) = parsed.as_ref().and_then(Message::result) else {
                    return Ok(self.whole(answer));
                };
                if let Some(key) = key.filter(|_| session.session().tells_common_lists()) {
                    self.server.memory().remember(key, epoch, &session.session().without_bridged_hints(result));
                }
                if !(self.server.handles() && method == "tools/list") {
                    return Ok(self.whole(answer));
                }
                result.into()
            }
        };
        let shown = match method.as_str() {
            "tools/list" => {
                let tools = self.tools(None).await?;
                tools.handles.as_ref().and_then(|names| add_to_list(names, &result))
            }
            _ => None,
        };
        Ok(self.whole(raw_result(id.as_json(), shown.as_deref().unwrap_or(&result))))
    }

    async fn task(
        &self,
        id: &RequestId,
        method: &Method,
        message: Message,
        params: &Object<'_>,
    ) -> Result<ModernAnswer, ModernFault> {
        let offers = self.server.tasks().promote_after.is_some();
        if offers && !self.client.has(&["extensions", meta::TASKS]) {
            return Err(ModernFault::MissingTasks);
        }
        let request = TaskRequest { id, method: method.as_str(), params };
        if let Some(body) = self.node.answer_task(self.server, self.principal, &request).await? {
            return Ok(self.whole(body));
        }
        let task = params.string("taskId").unwrap_or_default();
        let own = self.node.registry.of(self.server.name(), &self.owner);
        let session = match own.into_iter().find(|session| session.has_server_task(&task)) {
            Some(session) => session.visit().await,
            None => None,
        };
        // A legacy server knows no tasks of this kind, whatever it declares.
        let profile = self.profile().await?;
        let makes_tasks = matches!(profile.era, Era::Modern(_)) && profile.has(&["extensions", meta::TASKS]);
        if offers && session.is_none() && !makes_tasks {
            return Err(ModernFault::Invalid { message: "there is no such task".to_owned(), reason: "unknown_task" });
        }
        self.pass(message, params, session).await
    }

    async fn call(
        &self,
        id: &RequestId,
        message: Message,
        params: &Object<'_>,
        mirrored: &[(String, Vec<u8>)],
    ) -> Result<ModernAnswer, ModernFault> {
        if !self.server.handles() {
            return self.checked(message, params, mirrored).await;
        }
        let tools = self.tools(None).await?;
        tools.check(params, mirrored).map_err(ModernFault::HeaderMismatch)?;
        let Some(names) = &tools.handles else { return self.pass(message, params, None).await };
        match self.node.handle_call(self.server, &self.owner, names, &message, Session::takes_modern).await? {
            HandleCall::Open => {
                let session = self.open(Span::Idle).await?;
                let handle = session.id.expose();
                let result = answer::opened(names, handle, session.limits.idle_timeout);
                Ok(ModernAnswer::Whole { body: complete(id, &result), session: handle.to_owned() })
            }
            HandleCall::Answer(result) => Ok(self.whole(complete(id, &result))),
            HandleCall::Pass { message, session } => {
                let text = message.params().unwrap_or("{}").to_owned();
                let params = Object::parse(&text).unwrap_or_default();
                self.pass(message, &params, session).await
            }
        }
    }

    /// A call whose headers must mirror its arguments.
    async fn checked(
        &self,
        message: Message,
        params: &Object<'_>,
        mirrored: &[(String, Vec<u8>)],
    ) -> Result<ModernAnswer, ModernFault> {
        // A retry was checked when it came first, and its arguments are the same.
        if params.get("requestState").is_some() {
            return self.pass(message, params, None).await;
        }
        let held = self.session().await?;
        self.tools(Some(held.session())).await?.check(params, mirrored).map_err(ModernFault::HeaderMismatch)?;
        self.post(message, held).await
    }

    /// Hands a request to the session that it belongs to: the one that its request state leads to, else `session`, else
    /// the one of its place.
    async fn pass(
        &self,
        message: Message,
        params: &Object<'_>,
        session: Option<Visit>,
    ) -> Result<ModernAnswer, ModernFault> {
        if let Some(state) = params.get("requestState") {
            let state: String = serde_json::from_str(state).map_err(|_| ModernFault::StateInvalid)?;
            return self.go_on(message, &state).await;
        }
        let held = match session {
            Some(session) => Held::new(session),
            None => self.session().await?,
        };
        self.post(message, held).await
    }

    async fn post(&self, message: Message, held: Held) -> Result<ModernAnswer, ModernFault> {
        let session = held.session().id.clone();
        let exchange = match held.session().post(vec![message.clone()]).await {
            // It ended between being found and being asked, and nothing has reached it.
            Err(SessionError::NotFound { .. }) if matches!(self.place, Place::Named(_)) => {
                let again = self.session().await?;
                again.session().post(vec![message]).await?
            }
            outcome => outcome?,
        };
        Ok(match exchange {
            Some(exchange) => {
                let by_name = matches!(self.place, Place::Own(_)) || self.is_of_place(&exchange);
                let session = if by_name { self.place.label() } else { session.expose() };
                ModernAnswer::Exchange { session: session.to_owned(), exchange }
            }
            None => ModernAnswer::Accepted { session: None },
        })
    }

    fn is_of_place(&self, exchange: &Exchange) -> bool {
        self.running().is_some_and(|session| Arc::ptr_eq(&session, exchange.session()))
    }

    /// A retry: it belongs to the call that its request state was given out for, and to no other.
    async fn go_on(&self, message: Message, state: &str) -> Result<ModernAnswer, ModernFault> {
        let digest = digest(&salient(&message));
        let method = message.method().map_or("", |method| method.as_str());
        let ticket = self.node.sealer.open(state).map_err(|_| ModernFault::StateInvalid)?;
        let is_ours = self.is_ours(&ticket, method, &digest);
        match (is_ours, ticket.is_expired(unix_millis())) {
            (false, _) => return Err(ModernFault::StateInvalid),
            (true, true) => return Err(ModernFault::InputExpired),
            (true, false) => {}
        }
        let generation = u32::try_from(ticket.generation).map_err(|_| ModernFault::StateInvalid)?;
        let retry = Retry { call: CallId(ticket.call), generation, inner: ticket.inner };
        let id = SessionId::from_client(&ticket.session);
        let held;
        let visit;
        let session = match self.node.awake(self.server.name(), &self.owner, &id).await? {
            Awake::Live(session) if session.is_live() => {
                visit = session;
                visit.session()
            }
            // A modern server keeps in its state what it needs: any session of it can go on.
            Awake::Live(_) | Awake::Ended(_) | Awake::Nothing if self.server.goes_on_anywhere(&retry) => {
                held = self.session().await?;
                held.session()
            }
            Awake::Live(session) => {
                return Err(ModernFault::Ended(session.lock().stop.unwrap_or(StopReason::MaxLifetime)));
            }
            Awake::Ended(reason) => return Err(ModernFault::Ended(reason)),
            Awake::Nothing => return Err(ModernFault::StateInvalid),
        };
        let exchange = session.retry(message, retry).await?;
        Ok(ModernAnswer::Exchange { session: self.place.label().to_owned(), exchange })
    }

    fn is_ours(&self, ticket: &Ticket, method: &str, digest: &[u8; 32]) -> bool {
        // All of it is looked at, whatever is wrong.
        let fits = [
            ticket.principal == self.principal.id().as_str() || self.owner != *self.principal,
            ticket.server == self.server.name(),
            ticket.method == method,
            ticket.digest == *digest,
        ];
        fits.iter().fold(true, |all, fits| all & fits)
    }

    fn whole(&self, body: Bytes) -> ModernAnswer {
        ModernAnswer::Whole { body, session: self.place.label().to_owned() }
    }
}
