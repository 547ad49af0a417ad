//! Places among the sessions of a server, and of a principal.

use crate::error::OpenError;
use sessile_identity::Principal;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the sessions of servers and principals, those that wait to be started included.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    servers: HashMap<Arc<str>, u32>,
    principals: HashMap<(Arc<str>, Principal), u32>,
}

/// The limits of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    pub(crate) sessions: u32,
    pub(crate) sessions_per_principal: u32,
}

/// A place. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    server: Arc<str>,
    principal: Principal,
}

impl Places {
    /// Takes a place, or says which limit is reached.
    pub(super) fn take(
        places: &Arc<Self>,
        server: &Arc<str>,
        principal: &Principal,
        limits: ServerLimits,
    ) -> Result<Place, OpenError> {
        let mut counts = places.lock();
        let of_server = counts.servers.get(server).copied().unwrap_or(0);
        let key = (Arc::clone(server), principal.clone());
        let of_principal = counts.principals.get(&key).copied().unwrap_or(0);
        if of_principal >= limits.sessions_per_principal {
            return Err(OpenError::PrincipalFull { limit: limits.sessions_per_principal });
        }
        if of_server >= limits.sessions {
            return Err(OpenError::ServerFull { limit: limits.sessions });
        }
        counts.add(server, principal);
        Ok(Place { places: Arc::clone(places), server: Arc::clone(server), principal: principal.clone() })
    }

    /// Takes a place, whatever the limits.
    pub(super) fn add(places: &Arc<Self>, server: &Arc<str>, principal: &Principal) -> Place {
        places.lock().add(server, principal);
        Place { places: Arc::clone(places), server: Arc::clone(server), principal: principal.clone() }
    }

    /// How many places of a server are taken.
    pub(super) fn of(&self, server: &str) -> u32 {
        self.lock().servers.get(server).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, server: &Arc<str>, principal: &Principal) {
        *self.servers.entry(Arc::clone(server)).or_default() += 1;
        *self.principals.entry((Arc::clone(server), principal.clone())).or_default() += 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.lock();
        give_back(&mut counts.servers, &self.server);
        give_back(&mut counts.principals, &(Arc::clone(&self.server), self.principal.clone()));
    }
}

fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
