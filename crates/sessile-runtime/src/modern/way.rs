//! From a request to the session it belongs to, and to what is known of its server.

use std::sync::Arc;

use sessile_bridge::{ClientProfile, ServerProfile};
use sessile_identity::Principal;

use crate::error::ModernFault;
use crate::hosted::Hosted;
use crate::names::Named;
use crate::node::Node;
use crate::place::Place;
use crate::registry::Found;
use crate::session::{Session, Span, Visit};
use crate::session_id::SessionId;
use crate::sleep::Awake;
use crate::tools::{Tools, pages};

/// One modern request, and what is known of where it goes.
pub(super) struct Way<'a> {
    pub(super) node: &'a Node,
    pub(super) server: &'a Arc<Hosted>,
    pub(super) principal: &'a Principal,
    /// Who owns the sessions it may go to.
    pub(super) owner: Principal,
    pub(super) client: &'a ClientProfile,
    pub(super) place: Place,
}

impl Way<'_> {
    /// The session of the request's place, opened if need be.
    pub(super) async fn session(&self) -> Result<Held, ModernFault> {
        let named = match &self.place {
            Place::Own(_) => loop {
                if let Some(visit) = self.open(Span::Request).await?.visit().await {
                    return Ok(Held::new(visit));
                }
            },
            Place::Named(named) => named,
        };
        if let Some(visit) = self.by_id(&named.text).await? {
            return Ok(Held::new(visit));
        }
        let slot = self.node.names.slot(named);
        let mut place = slot.lock().await;
        if let Some(visit) = self.called(place.upgrade(), named).await? {
            *place = Arc::downgrade(&visit);
            return Ok(Held::new(visit));
        }
        loop {
            let session = self.open(Span::Idle).await?;
            *place = Arc::downgrade(&session);
            session.is_named(&named.text);
            if let Some(visit) = session.visit().await {
                return Ok(Held::new(visit));
            }
        }
    }

    /// The session called `named`, awake: `known`, or one that sleeps on the disk.
    async fn called(&self, known: Option<Arc<Session>>, named: &Named) -> Result<Option<Visit>, ModernFault> {
        if let Some(session) = known.filter(|session| session.is_live())
            && let Some(visit) = session.visit().await
        {
            return Ok(Some(visit));
        }
        let Some(asleep) = self.node.registry.sleeper(named) else { return Ok(None) };
        Ok(match self.node.awake(self.server.name(), &self.owner, &asleep.id).await? {
            Awake::Live(visit) if visit.is_live() => Some(visit),
            Awake::Live(_) | Awake::Nothing => None,
            // As when it ends while it runs: its name is free again.
            Awake::Ended(_) => None,
        })
    }

    pub(super) async fn open(&self, span: Span) -> Result<Arc<Session>, ModernFault> {
        Ok(self.node.open_modern(self.server, &self.owner, self.principal, self.client, span).await?)
    }

    /// The session of the request's place, if there is one; it is woken if it sleeps.
    pub(super) async fn live(&self) -> Result<Option<Visit>, ModernFault> {
        let Place::Named(named) = &self.place else { return Ok(None) };
        match self.by_id(&named.text).await? {
            Some(visit) => Ok(Some(visit)),
            None => self.called(self.node.names.live(named), named).await,
        }
    }

    /// The session of the request's place, if it runs.
    pub(super) fn running(&self) -> Option<Arc<Session>> {
        let Place::Named(named) = &self.place else { return None };
        let id = SessionId::from_client(&named.text);
        match self.node.registry.find(self.server.name(), &self.owner, &id) {
            Found::Live(session) if session.is_live() && session.takes_modern() => Some(session),
            _ => self.node.names.live(named),
        }
    }

    /// The session of this id, as handles and responses name it.
    async fn by_id(&self, id: &str) -> Result<Option<Visit>, ModernFault> {
        Ok(self.node.session_by_id(self.server, &self.owner, id, Session::takes_modern).await?)
    }

    /// What calls are checked against; asked of `session`, or of one that is opened for it, unless it is remembered.
    pub(super) async fn tools(&self, session: Option<&Arc<Session>>) -> Result<Arc<Tools>, ModernFault> {
        // What a page holds may be for its principal alone.
        let key = format!("{} {}", self.owner.id(), self.client.capabilities);
        let epoch = self.server.memory().epoch();
        if let Some(tools) = self.server.tool_tables().get(&key, epoch) {
            return Ok(tools);
        }
        let owner = self.owner.id();
        let remembered = pages(self.server, None, self.client, owner.as_str()).await?;
        let found = match (remembered, session) {
            (Some(pages), _) => Some(pages),
            (None, Some(session)) => pages(self.server, Some(session), self.client, owner.as_str()).await?,
            (None, None) => {
                let held = self.session().await?;
                pages(self.server, Some(held.session()), self.client, owner.as_str()).await?
            }
        };
        let tools = Arc::new(Tools::of_pages(&found.unwrap_or_default(), self.server.handles()));
        self.server.tool_tables().put(&key, epoch, Arc::clone(&tools));
        Ok(tools)
    }

    /// Who the server is, in the era that it is opened in for modern clients; from memory as soon as it was opened once.
    pub(super) async fn profile(&self) -> Result<Arc<ServerProfile>, ModernFault> {
        match self.server.known_profile() {
            Some(profile) => Ok(profile),
            None => {
                self.session().await?.session().opened().await.map_err(|error| ModernFault::Server(Box::new(error)))
            }
        }
    }
}

/// A session that stays, and stays awake, while its request is being brought to it.
pub(super) struct Held(Visit);

impl Held {
    pub(super) fn new(visit: Visit) -> Self {
        visit.hold();
        Self(visit)
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        self.0.session()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.let_go();
    }
}
