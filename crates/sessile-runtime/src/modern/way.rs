//! From a request to the session it belongs to, and to what is known of its server.

use std::sync::Arc;

use sessile_bridge::{ClientProfile, ServerProfile};
use sessile_identity::Principal;

use crate::error::ModernFault;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::place::Place;
use crate::session::{Session, Span};
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
            Place::Own(_) => return Ok(Held::new(self.open(Span::Request).await?)),
            Place::Named(named) => named,
        };
        if let Some(session) = self.by_id(&named.text) {
            return Ok(Held::new(session));
        }
        let slot = self.node.names.slot(named);
        let mut place = slot.lock().await;
        if let Some(session) = place.upgrade().filter(|session| session.is_live()) {
            return Ok(Held::new(session));
        }
        let session = self.open(Span::Idle).await?;
        *place = Arc::downgrade(&session);
        session.is_named(&named.text);
        Ok(Held::new(session))
    }

    pub(super) async fn open(&self, span: Span) -> Result<Arc<Session>, ModernFault> {
        Ok(self.node.open_modern(self.server, &self.owner, self.principal, self.client, span).await?)
    }

    /// The session of the request's place, if it runs.
    pub(super) fn live(&self) -> Option<Arc<Session>> {
        match &self.place {
            Place::Own(_) => None,
            Place::Named(named) => self.by_id(&named.text).or_else(|| self.node.names.live(named)),
        }
    }

    /// The session of this id, as handles and responses name it.
    fn by_id(&self, id: &str) -> Option<Arc<Session>> {
        self.node.session_by_id(self.server, &self.owner, id, Session::takes_modern)
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
                pages(self.server, Some(&held.0), self.client, owner.as_str()).await?
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
            None => self.session().await?.0.opened().await.map_err(|error| ModernFault::Server(Box::new(error))),
        }
    }
}

/// A session that stays while its request is being brought to it.
pub(super) struct Held(pub(super) Arc<Session>);

impl Held {
    pub(super) fn new(session: Arc<Session>) -> Self {
        session.hold();
        Self(session)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.let_go();
    }
}
