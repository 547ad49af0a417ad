//! Who may open another session: counts that give themselves back.

use crate::OpenError;
use sessile_identity::Principal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts live sessions per node, server and principal.
#[derive(Debug)]
pub(crate) struct Admission {
    node_limit: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    node: u32,
    servers: HashMap<Arc<str>, u32>,
    principals: HashMap<(Arc<str>, Principal), u32>,
}

/// The limits of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    pub(crate) sessions: u32,
    pub(crate) sessions_per_principal: u32,
}

/// The right to one session. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    server: Arc<str>,
    principal: Principal,
}

impl Admission {
    pub(crate) fn new(node_limit: u32) -> Arc<Self> {
        Arc::new(Self { node_limit, counts: Mutex::default() })
    }

    /// Takes a place, or says which limit is reached.
    pub(crate) fn admit(
        self: &Arc<Self>,
        server: &Arc<str>,
        principal: &Principal,
        limits: ServerLimits,
    ) -> Result<Permit, OpenError> {
        let mut counts = self.lock();
        let of_server = counts.servers.get(server).copied().unwrap_or(0);
        let key = (Arc::clone(server), principal.clone());
        let of_principal = counts.principals.get(&key).copied().unwrap_or(0);
        if of_principal >= limits.sessions_per_principal {
            return Err(OpenError::PrincipalFull { limit: limits.sessions_per_principal });
        }
        if of_server >= limits.sessions {
            return Err(OpenError::ServerFull { limit: limits.sessions });
        }
        if counts.node >= self.node_limit {
            return Err(OpenError::NodeFull { limit: self.node_limit });
        }
        counts.node += 1;
        counts.servers.insert(Arc::clone(server), of_server + 1);
        counts.principals.insert(key, of_principal + 1);
        Ok(Permit { admission: Arc::clone(self), server: Arc::clone(server), principal: principal.clone() })
    }

    /// Sessions that hold a place now.
    #[cfg(test)]
    pub(crate) fn live(&self) -> u32 {
        self.lock().node
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.node = counts.node.saturating_sub(1);
        give_back(&mut counts.servers, &self.server);
        give_back(&mut counts.principals, &(Arc::clone(&self.server), self.principal.clone()));
    }
}

fn give_back<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_when_permits_go() {
        let admission = Admission::new(3);
        let server: Arc<str> = "files".into();
        let limits = ServerLimits { sessions: 2, sessions_per_principal: 2 };
        let who = Principal::anonymous();
        let first = admission.admit(&server, &who, limits).unwrap();
        let _second = admission.admit(&server, &who, limits).unwrap();
        assert!(matches!(admission.admit(&server, &who, limits), Err(OpenError::PrincipalFull { limit: 2 })));
        drop(first);
        assert!(admission.admit(&server, &who, limits).is_ok());
    }

    #[test]
    fn the_node_limit_holds_across_servers() {
        let admission = Admission::new(1);
        let limits = ServerLimits { sessions: 9, sessions_per_principal: 9 };
        let who = Principal::anonymous();
        let permit = admission.admit(&"a".into(), &who, limits).unwrap();
        assert!(matches!(admission.admit(&"b".into(), &who, limits), Err(OpenError::NodeFull { limit: 1 })));
        drop(permit);
        assert_eq!(admission.live(), 0);
    }
}
