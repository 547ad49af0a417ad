//! Which sessions there are, and which there were.

use crate::egress::{Egress, EgressView};
use crate::session::Session;
use crate::session_id::{SessionId, SessionName};
use crate::stop::{PostMortem, StopReason};
use sessile_identity::Principal;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

/// A session that is over.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its public name.
    pub name: SessionName,
    /// The server it ran.
    pub server: Arc<str>,
    /// Who owned it.
    pub principal: Principal,
    /// Requests answered.
    pub calls: u64,
    /// Why and how it ended.
    pub post_mortem: PostMortem,
    /// What it sent and received, if it had a way out.
    pub egress: Option<EgressView>,
}

impl EndedSession {
    /// What is kept of a session.
    pub(crate) fn of(session: &Session, post_mortem: PostMortem) -> Self {
        Self {
            name: session.name.clone(),
            server: Arc::clone(&session.server),
            principal: session.principal.clone(),
            calls: session.calls().1,
            post_mortem,
            egress: session.egress.get().map(Egress::view),
        }
    }
}

/// All sessions of a node: the live ones, and a bounded memory of the ended ones.
#[derive(Debug)]
pub(crate) struct Registry {
    ended_kept: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<SessionId, Arc<Session>>,
    ended: HashMap<SessionId, EndedSession>,
    /// Ended ids, oldest first.
    order: VecDeque<SessionId>,
}

/// What an id leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A live session.
    Live(Arc<Session>),
    /// A session of the same caller that has ended.
    Ended(StopReason),
    /// Nothing that this caller may know of.
    Nothing,
}

impl Registry {
    /// `ended_kept` bounds how many ended sessions are remembered.
    pub(crate) fn new(ended_kept: usize) -> Self {
        Self { ended_kept, inner: RwLock::default() }
    }

    /// How many ended sessions are remembered.
    pub(crate) fn ended_kept(&self) -> usize {
        self.ended_kept
    }

    pub(crate) fn add(&self, session: Arc<Session>) {
        self.write().live.insert(session.id.clone(), session);
    }

    /// Looks an id up for a caller. Somebody else's session does not exist.
    pub(crate) fn find(&self, server: &str, principal: &Principal, id: &SessionId) -> Found {
        let inner = self.read();
        if let Some(session) = inner.live.get(id) {
            let own = *session.server == *server && session.principal == *principal;
            return if own { Found::Live(Arc::clone(session)) } else { Found::Nothing };
        }
        match inner.ended.get(id) {
            Some(ended) if *ended.server == *server && ended.principal == *principal => {
                Found::Ended(ended.post_mortem.reason)
            }
            _ => Found::Nothing,
        }
    }

    /// The live sessions of a server that a principal owns.
    pub(crate) fn of(&self, server: &str, principal: &Principal) -> Vec<Arc<Session>> {
        let inner = self.read();
        let own = inner.live.values().filter(|session| *session.server == *server && session.principal == *principal);
        own.cloned().collect()
    }

    /// Moves a session from the live to the ended ones.
    pub(crate) fn end(&self, session: &Session, ended: EndedSession) {

        let mut inner = self.write();
        inner.live.remove(&session.id);
        if self.ended_kept == 0 {
            return;
        }
        while inner.order.len() >= self.ended_kept {
            if let Some(oldest) = inner.order.pop_front() {
                inner.ended.remove(&oldest);
            }
        }
        inner.order.push_back(session.id.clone());
        inner.ended.insert(session.id.clone(), ended);
    }

    pub(crate) fn live(&self) -> Vec<Arc<Session>> {
        self.read().live.values().cloned().collect()
    }

    /// Ended sessions, newest first.
    pub(crate) fn ended(&self) -> Vec<EndedSession> {
        let inner = self.read();
        inner.order.iter().rev().filter_map(|id| inner.ended.get(id).cloned()).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}
