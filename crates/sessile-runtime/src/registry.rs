//! Which sessions there are, and which there were.

use crate::egress::{Egress, EgressView};
use crate::names::Named;
use crate::session::Session;
use crate::session_id::{SessionId, SessionName};
use crate::sleep::Asleep;
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
    /// Those that sleep on the disk.
    asleep: HashMap<SessionId, Arc<Asleep>>,
    /// By the names that lead to them.
    sleepers: HashMap<Named, SessionId>,
    ended: HashMap<SessionId, EndedSession>,
    /// Ended ids, oldest first.
    order: VecDeque<SessionId>,
}

/// What an id leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A live session.
    Live(Arc<Session>),
    /// A session that sleeps on the disk.
    Asleep(Arc<Asleep>),
    /// A session of the same caller that has ended.
    Ended(StopReason),
    /// Nothing that this caller may know of.
    Nothing,
}

/// Where a session is, by its public name.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It lives.
    Live(Arc<Session>),
    /// It sleeps on the disk.
    Asleep(Arc<Asleep>),
    /// It is over.
    Ended(Box<EndedSession>),
}

/// All sessions at one moment: each is in one of these.
#[derive(Debug)]
pub(crate) struct Everyone {
    pub(crate) live: Vec<Arc<Session>>,
    pub(crate) asleep: Vec<Arc<Asleep>>,
    /// Newest first.
    pub(crate) ended: Vec<EndedSession>,
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
        if let Some(asleep) = inner.asleep.get(id) {
            let own = asleep.server.name() == server && asleep.principal == *principal;
            return if own { Found::Asleep(Arc::clone(asleep)) } else { Found::Nothing };
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
        inner.remember(&session.id, ended, self.ended_kept);
    }

    /// Moves a session from those that sleep to the ended ones.
    pub(crate) fn end_asleep(&self, id: &SessionId, ended: EndedSession) {
        let mut inner = self.write();
        inner.rises(id);
        inner.remember(id, ended, self.ended_kept);
    }

    /// Moves a session from the live ones to those that sleep: whoever looks for it finds it in one of both.
    pub(crate) fn fall_asleep(&self, asleep: Arc<Asleep>) {
        let mut inner = self.write();
        inner.live.remove(&asleep.id);
        for text in &asleep.names {
            inner.sleepers.insert(asleep.named(text), asleep.id.clone());
        }
        inner.asleep.insert(asleep.id.clone(), asleep);
    }

    /// Moves a session back to the live ones.
    pub(crate) fn wake(&self, id: &SessionId, session: Arc<Session>) {
        let mut inner = self.write();
        inner.rises(id);
        inner.live.insert(id.clone(), session);
    }

    /// The session that sleeps and is called `name`.
    pub(crate) fn sleeper(&self, name: &Named) -> Option<Arc<Asleep>> {
        let inner = self.read();
        inner.asleep.get(inner.sleepers.get(name)?).cloned()
    }

    /// All that sleep.
    pub(crate) fn asleep(&self) -> Vec<Arc<Asleep>> {
        self.read().asleep.values().cloned().collect()
    }

    pub(crate) fn live(&self) -> Vec<Arc<Session>> {
        self.read().live.values().cloned().collect()
    }

    /// All that live, sleep and are over.
    pub(crate) fn everyone(&self) -> Everyone {
        let inner = self.read();
        Everyone {
            live: inner.live.values().cloned().collect(),
            asleep: inner.asleep.values().cloned().collect(),
            ended: inner.order.iter().rev().filter_map(|id| inner.ended.get(id).cloned()).collect(),
        }
    }

    /// The session with this public name.
    pub(crate) fn called(&self, name: &str) -> Option<Standing> {
        let inner = self.read();
        let live = inner.live.values().find(|session| session.name.as_str() == name);
        let asleep = || inner.asleep.values().find(|asleep| asleep.name.as_str() == name);
        let ended = || inner.ended.values().find(|ended| ended.name.as_str() == name);
        let live = live.map(|session| Standing::Live(Arc::clone(session)));
        live.or_else(|| asleep().map(|asleep| Standing::Asleep(Arc::clone(asleep))))
            .or_else(|| ended().map(|ended| Standing::Ended(Box::new(ended.clone()))))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Takes a session out of those that sleep.
    fn rises(&mut self, id: &SessionId) {
        if let Some(asleep) = self.asleep.remove(id) {
            for text in &asleep.names {
                let name = asleep.named(text);
                if self.sleepers.get(&name) == Some(id) {
                    self.sleepers.remove(&name);
                }
            }
        }
    }

    fn remember(&mut self, id: &SessionId, ended: EndedSession, kept: usize) {
        if kept == 0 {
            return;
        }
        while self.order.len() >= kept {
            if let Some(oldest) = self.order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
        self.order.push_back(id.clone());
        self.ended.insert(id.clone(), ended);
    }
}
